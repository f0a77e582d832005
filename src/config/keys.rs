//! Every key this version knows, by table. The readers ask for exactly these; what nobody asks for is
//! a mistake.

/// Tables and their keys. `[users.map]` and `[groups.map]` are not here: their keys are attribute paths.
pub(super) const TABLES: [(&str, &[&str]); 14] = [
    ("ldap", LDAP),
    ("users", USERS),
    ("groups", GROUPS),
    ("groups.limits", GROUP_LIMITS),
    ("scim", SCIM),
    ("leavers", LEAVERS),
    ("limits", LIMITS),
    ("state", STATE),
    ("schedule", SCHEDULE),
    ("audit", AUDIT),
    ("log", LOG),
    ("cloud", CLOUD),
    ("cloud.huawei", HUAWEI),
    ("cloud.alibaba", ALIBABA),
];

/// Names of [`TABLES`] at the top.
pub(super) const TOP: &[&str] = &[
    "ldap", "users", "groups", "scim", "leavers", "limits", "state", "schedule", "audit", "log", "cloud",
];

/// `[ldap]`
pub(super) const LDAP: &[&str] = &[
    "urls",
    "start_tls",
    "allow_plaintext",
    "ca_file",
    "client_cert",
    "client_key",
    "min_tls",
    "bind",
    "bind_dn",
    "bind_password",
    "page_size",
    "connect_timeout",
    "bind_timeout",
    "read_timeout",
    "on_incomplete",
];

/// `[users]`
pub(super) const USERS: &[&str] = &[
    "base",
    "scope",
    "filter",
    "anchor",
    "preset",
    "member_of",
    "map",
    "override",
];

/// `[groups]`
pub(super) const GROUPS: &[&str] = &[
    "base",
    "scope",
    "filter",
    "preset",
    "anchor",
    "members",
    "nested",
    "from_people",
    "gone",
    "delete_after_days",
    "map",
    "limits",
];

/// `[groups.limits]`
pub(super) const GROUP_LIMITS: &[&str] = &[
    "max_removals",
    "max_removals_percent",
    "max_member_removals",
    "max_member_removals_percent",
    "min_group_size",
];

/// Where a rule of `[users.map]` gets its value from, when it is a table.
pub(super) const RULE_SOURCES: &[&str] = &["attribute", "template", "constant", "reference", "all_of"];

/// `[scim]`
pub(super) const SCIM: &[&str] = &[
    "profile",
    "endpoint",
    "token",
    "ca_file",
    "allow_plaintext",
    "rate_per_s",
    "concurrency",
    "adopt",
    "request_timeout",
    "max_tries",
    "max_elapsed",
    "token_expires",
    "rotate_before_days",
];

/// `[leavers]`
pub(super) const LEAVERS: &[&str] = &["action", "delete_after_days", "confirm_cycles"];

/// `[limits]`
pub(super) const LIMITS: &[&str] = &["max_removals", "max_removals_percent", "on_exceeded", "protected"];

/// `[state]`
pub(super) const STATE: &[&str] = &["path"];

/// `[schedule]`
pub(super) const SCHEDULE: &[&str] = &["cron", "timezone", "run_at_start", "jitter_s", "catch_up"];

/// `[audit]`
pub(super) const AUDIT: &[&str] = &["cron", "repair", "max_requests"];

/// `[log]`
pub(super) const LOG: &[&str] = &["format", "level"];

/// `[cloud]`
pub(super) const CLOUD: &[&str] = &["huawei", "alibaba"];

/// `[cloud.huawei]`
pub(super) const HUAWEI: &[&str] = &[
    "region",
    "identity_store_id",
    "access_key",
    "secret_key",
    "security_token",
    "auth_token",
    "project_id",
    "domain_id",
    "endpoints",
    "ca_file",
    "allow_plaintext",
];

/// `[cloud.huawei] endpoints`
pub(super) const HUAWEI_ENDPOINTS: &[&str] = &["identitystore", "identitycenter", "iam"];

/// `[cloud.alibaba]`
pub(super) const ALIBABA: &[&str] = &[
    "region",
    "directory_id",
    "access_key",
    "secret_key",
    "security_token",
    "endpoint",
    "ca_file",
    "allow_plaintext",
];

/// Keys whose values are, or name, secrets.
const SECRETS: [&str; 6] = [
    "token",
    "bind_password",
    "access_key",
    "secret_key",
    "security_token",
    "auth_token",
];

/// A secret's source.
pub(super) const SECRET: &[&str] = &["file", "env", "credential"];

/// Keys that the design has and this version has not: refused by name, so that nobody believes they
/// are in force.
pub(super) const LATER: [(&str, &str); 2] = [("", "http"), ("users", "change_detection")];

/// Whether the value of a key is never a secret, so that it can be shown even when the rest of the file
/// makes no sense.
pub(super) fn is_harmless(key: &str) -> bool {
    TABLES.iter().any(|(_, keys)| keys.contains(&key)) && !SECRETS.contains(&key)
}

/// The known key that was probably meant.
pub(super) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let normal = |text: &str| text.to_lowercase().replace(['-', ' '], "_");
    let written = normal(written);
    known
        .into_iter()
        .map(|known| (likeness(&written, &normal(known)), known))
        .filter(|(likeness, _)| *likeness >= 0.82)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, known)| known)
}

/// From 0 to 1. One slip of the finger counts as very like, wherever it is.
fn likeness(left: &str, right: &str) -> f64 {
    let slip = left.len() >= 3 && strsim::damerau_levenshtein(left, right) == 1;
    strsim::jaro_winkler(left, right).max(if slip { 0.9 } else { 0.0 })
}

/// The tables that have a key of this name.
pub(super) fn homes(key: &str) -> Vec<String> {
    TABLES
        .iter()
        .filter(|(_, keys)| keys.contains(&key))
        .map(|(table, _)| format!("[{table}]"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_find_the_key() {
        let check = |written: &str, keys: &'static [&str], expected: Option<&str>| {
            assert_eq!(nearest(written, keys.iter().copied()), expected, "{written}");
        };
        check("url", LDAP, Some("urls"));
        check("bindDN", LDAP, Some("bind_dn"));
        check("bind-password", LDAP, Some("bind_password"));
        check("pagesize", LDAP, Some("page_size"));
        check("endpiont", SCIM, Some("endpoint"));
        check("user", TOP, Some("users"));
        check("leaver", TOP, Some("leavers"));
        check("ladp", TOP, Some("ldap"));
        check("xyzzy", TOP, None);
    }

    #[test]
    fn the_top_is_the_tables() {
        let top = TABLES
            .map(|(table, _)| table)
            .into_iter()
            .filter(|table| !table.contains('.'));
        assert_eq!(top.collect::<Vec<_>>(), TOP);
    }
}
