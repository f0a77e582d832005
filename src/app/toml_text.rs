//! Values as they are written into a configuration.

use std::path::Path;

/// A TOML basic string. JSON's escapes are all TOML's too.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A path as a TOML basic string.
pub(super) fn quoted_path(path: &Path) -> String {
    quoted(&path.display().to_string())
}
