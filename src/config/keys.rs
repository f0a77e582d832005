//! Every key this version knows, by table. The readers ask for exactly these; what nobody asks for is
//! a mistake.

/// Tables and their keys. `[users.map]` is not here: its keys are attribute paths.
pub(super) const TABLES: [(&str, &[&str]); 9] = [
    ("ldap", LDAP),
    ("users", USERS),
    ("scim", SCIM),
    ("leavers", LEAVERS),
    ("limits", LIMITS),
    ("state", STATE),
    ("schedule", SCHEDULE),
    ("audit", AUDIT),
    ("log", LOG),
];

/// Names of [`TABLES`].
pub(super) const TOP: &[&str] = &[
    "ldap", "users", "scim", "leavers", "limits", "state", "schedule", "audit", "log",
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
pub(super) const USERS: &[&str] = &["base", "scope", "filter", "anchor", "preset", "map", "override"];

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

/// A secret's source.
pub(super) const SECRET: &[&str] = &["file", "env", "credential"];

/// Keys that the design has and this version has not: refused by name, so that nobody believes they
/// are in force.
pub(super) const LATER: [(&str, &str); 4] = [
    ("", "groups"),
    ("", "http"),
    ("", "cloud"),
    ("users", "change_detection"),
];

/// Whether the value of a key is never a secret, so that it can be shown even when the rest of the file
/// makes no sense.
pub(super) fn is_harmless(key: &str) -> bool {
    TABLES.iter().any(|(_, keys)| keys.contains(&key)) && !["token", "bind_password"].contains(&key)
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
        assert_eq!(TABLES.map(|(table, _)| table), TOP);
    }
}
