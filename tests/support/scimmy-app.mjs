// A SCIM 2.0 server from scimmy and scimmy-routers on express, with users and groups in memory.
//
//   node scimmy-app.mjs NODE_MODULES TOKEN
//
// It listens on a free loopback port and prints the number. The libraries do the protocol; keeping
// resources, their ids, and names that are taken, is the application's part and stands here.
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, token] = process.argv.slice(2);
const load = createRequire(pathToFileURL(join(modules, "any.js")));
const withDefault = (module) => module.default ?? module;
const express = load("express");
const SCIMMY = withDefault(load("scimmy"));
const Routers = withDefault(load("scimmy-routers"));

// Resources of one type by id; `name` is the attribute that has to be unique, without case.
class Shelf {
  constructor(name) {
    this.name = name;
    this.resources = new Map();
    this.holders = new Map();
  }

  folded(resource) {
    return String(resource[this.name]).toLowerCase();
  }

  find(id) {
    const found = this.resources.get(id);
    if (!found) throw new SCIMMY.Types.Error(404, null, `no resource ${id}`);
    return found;
  }

  save(id, given) {
    const before = id ? this.find(id) : undefined;
    const after = JSON.parse(JSON.stringify(given));
    const holder = this.holders.get(this.folded(after));
    if (holder && holder !== id) throw new SCIMMY.Types.Error(409, "uniqueness", `${this.name} is taken`);
    const now = new Date().toISOString();
    after.id = id ?? randomUUID();
    after.meta = { created: now, ...before?.meta, lastModified: now };
    if (before) this.holders.delete(this.folded(before));
    this.holders.set(this.folded(after), after.id);
    this.resources.set(after.id, after);
    return after;
  }

  read(id, filter) {
    if (id) return this.find(id);
    const all = [...this.resources.values()];
    return filter ? filter.match(all) : all;
  }

  remove(id) {
    this.holders.delete(this.folded(this.find(id)));
    this.resources.delete(id);
  }
}

const keep = (Resource, shelf) =>
  SCIMMY.Resources.declare(Resource)
    .ingress((request, resource) => shelf.save(request.id, resource))
    .egress((request) => shelf.read(request.id, request.filter))
    .degress((request) => shelf.remove(request.id));
SCIMMY.Resources.User.extend(SCIMMY.Schemas.EnterpriseUser, false);
keep(SCIMMY.Resources.User, new Shelf("userName"));
keep(SCIMMY.Resources.Group, new Shelf("displayName"));

const app = express();
// The routers hand paging on as text where the library wants numbers, and every list would be the
// first twenty.
const asNumber = ([key, value]) => [key, ["startIndex", "count"].includes(key) ? Number(value) : value];
app.set("query parser", (text) => Object.fromEntries([...new URLSearchParams(text ?? "")].map(asNumber)));
app.use("/scim/v2", new Routers({
  type: "bearer",
  handler: (request) => {
    if (request.header("Authorization") !== `Bearer ${token}`) throw new Error("wrong token");
    return "scimward";
  },
}));
const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
