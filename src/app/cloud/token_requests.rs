//! The requests of commands for tokens, for `--dry-run`: the same for both clouds, but for what is asked first.

use super::answer::Step;
use crate::cloud::{CloudError, Outgoing, alibaba, huawei};

/// Stand where only an answer tells.
const TENANT: &str = "{tenant_id}";
const IN_USE: &str = "{id_in_use}";
const NOT_IN_USE: &str = "{id_not_in_use}";

/// What `rotate` sends besides, with the tokens themselves.
pub(super) const TRIES: &str = "Tokens are tried out at the SCIM endpoint, by a look-up of nobody: the one in use before all \
                                this, the new one when it is made and again when the file holds it.";

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

    /// `rotate`; see [`TRIES`] for what else is sent.
    fn rotate(&self) -> Requests {
        let mut steps = self.list()?;
        steps.push(Step::when("there are two", self.remove(NOT_IN_USE)?));
        // Whoever makes one looks once more.
        steps.push(Step::always(self.all()?));
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
