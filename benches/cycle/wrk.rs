//! `wrk`, posting what the program posted.

use std::{fs, path::Path, process::Command};

use super::sink::Sink;

/// Long enough for a steady figure.
const LASTS: &str = "6s";

/// Reads the bodies once and has each request made before the clock runs.
const SCRIPT: &str = r#"
local requests, at = {}, 0
function init(arguments)
  local headers = {
    ["Authorization"] = "Bearer benchmark",
    ["Accept"] = "application/scim+json, application/json",
    ["Content-Type"] = "application/scim+json",
  }
  for body in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("POST", "/Users", headers, body)
  end
end
function request()
  at = at % #requests + 1
  return requests[at]
end
"#;

/// Requests a second over `connections`, with bodies that hold no line break.
pub fn requests_per_s(sink: &Sink, bodies: Vec<Vec<u8>>, connections: usize, folder: &Path) -> f64 {
    assert!(!bodies.is_empty(), "nothing to post");
    let (script, file) = (folder.join("wrk.lua"), folder.join("bodies"));
    fs::write(&script, SCRIPT).unwrap();
    fs::write(&file, bodies.join(&b'\n')).unwrap();
    drop(bodies);
    sink.forget();
    let output = Command::new("wrk")
        .args(["-t", "2", "-d", LASTS, "-c", &connections.to_string(), "-s"])
        .arg(script)
        .arg(sink.endpoint())
        .arg("--")
        .arg(file)
        .output()
        .expect("wrk is missing: apt-get install wrk");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && !text.contains("Non-2xx"), "{text}");
    // As the sink counted them, like those of the program.
    sink.seen().per_s()
}
