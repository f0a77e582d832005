//! The requests of commands for tokens, for `--dry-run`: the same for both clouds, but for what is asked first.

use super::answer::Step;
use crate::cloud::{CloudError, Outgoing, alibaba, huawei};

/// Stands where only an answer tells.
const TENANT: &str = "{tenant_id}";
const IN_USE: &str = "{id of the one in use}";
const NOT_IN_USE: &str = "{id of the one not in use}";

type Requests = Result<Vec<Step>, CloudError>;

/// What one cloud asks for its tokens.
pub(super) trait TokenRequests {
    /// What has to be known before.
    fn first(&self) -> Result<Vec<Outgoing>, CloudError>;
    /// Lists them.
    fn all(&self) -> Result<Outgoing, CloudError>;
    /// Makes one.
    fn make(&self) -> Result<Outgoing, CloudError>;
    /// Deletes one.
    fn remove(&self, id: &str) -> Result<Outgoing, CloudError>;

    /// `list`
    fn list(&self) -> Requests {
        let mut steps: Vec<Step> = self.first()?.into_iter().map(Step::always).collect();
        steps.push(Step::always(self.all()?));
        Ok(steps)
    }

    /// `create`
    fn create(&self) -> Requests {
        let mut steps = self.list()?;
        steps.push(Step::when("there are fewer than two", self.make()?));
        Ok(steps)
    }

    /// `delete`
    fn delete(&self, id: &str) -> Requests {
        let mut steps = self.list()?;
        steps.push(Step::always(self.remove(id)?));
        Ok(steps)
    }

    /// `rotate`; that tokens are tried out is the SCIM endpoint's affair.
    fn rotate(&self) -> Requests {
        let mut steps = self.list()?;
        steps.push(Step::when("there are two", self.remove(NOT_IN_USE)?));
        steps.push(Step::always(self.make()?));
        steps.push(Step::when("the new one has worked", self.remove(IN_USE)?));
        Ok(steps)
    }
}

/// Access tokens of the one tenant, which is looked up.
pub(super) struct HuaweiTokens<'a>(pub(super) &'a huawei::Requests);

impl TokenRequests for HuaweiTokens<'_> {
    fn first(&self) -> Result<Vec<Outgoing>, CloudError> {
        Ok(vec![self.0.tenants()?])
    }

    fn all(&self) -> Result<Outgoing, CloudError> {
        self.0.tokens(TENANT)
    }

    fn make(&self) -> Result<Outgoing, CloudError> {
        self.0.create_token(TENANT)
    }

    fn remove(&self, id: &str) -> Result<Outgoing, CloudError> {
        self.0.delete_token(TENANT, id)
    }
}

/// SCIM credentials of a directory.
pub(super) struct AlibabaTokens<'a>(pub(super) &'a alibaba::Requests);

impl TokenRequests for AlibabaTokens<'_> {
    fn first(&self) -> Result<Vec<Outgoing>, CloudError> {
        Ok(Vec::new())
    }

    fn all(&self) -> Result<Outgoing, CloudError> {
        self.0.credentials()
    }

    fn make(&self) -> Result<Outgoing, CloudError> {
        self.0.create_credential()
    }

    fn remove(&self, id: &str) -> Result<Outgoing, CloudError> {
        self.0.delete_credential(id)
    }
}
