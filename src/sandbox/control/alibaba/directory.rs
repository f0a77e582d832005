//! The directory itself.

use chrono::DateTime;
use serde_json::{Map, Value, json};

use super::{DIRECTORY, Outcome, Parameters, REGION, object, time};
use crate::sandbox::{cloud::Cloud, control::Control};

/// Quotas, as in the vendor's example.
const USERS_MAX: usize = 1_000;
const GROUPS_MAX: usize = 500;
/// Its name.
const NAME: &str = "sandbox";

impl Control {
    pub(super) fn directories(&self) -> Map<String, Value> {
        // Older than anything in it.
        let made = time(DateTime::UNIX_EPOCH);
        object(json!({
            "Directories": [{
                "DirectoryId": DIRECTORY,
                "DirectoryName": NAME,
                "Region": REGION,
                "CreateTime": made,
                "UpdateTime": made,
            }],
            "TotalCounts": 1,
        }))
    }

    pub(super) fn statistics(&self, parameters: &Parameters, cloud: &Cloud) -> Outcome {
        parameters.directory()?;
        Ok(object(json!({ "DirectoryStatistics": {
            "DirectoryId": DIRECTORY,
            "DirectoryName": NAME,
            "Region": REGION,
            "UserCount": cloud.users().count(),
            "UserQuota": USERS_MAX,
            "GroupCount": cloud.groups().count(),
            "GroupQuota": GROUPS_MAX,
            "SCIMServerCredentialCount": self.state.tokens.len(),
            "SCIMSyncEnabled": self.state.enabled,
            "SSOEnabled": true,
            "AccessAssignmentCount": 0,
            "AccessConfigurationCount": 0,
            "InProgressTaskCount": 0,
        } })))
    }
}
