//! What is created and looked for: a person's account or a group, as far as the two differ.

use std::future::Future;

use super::{
    adopt::{self, Words},
    client::ScimClient,
    groups,
    lookup::{self, Holder},
    request::{self, PlannedRequest},
    wire::Account,
};
use crate::{
    model::{Pushed, Resource},
    ports::{Created, GroupPayload, Payload, ProviderError},
    profile::Profile,
};

/// Something that must not be there twice.
pub(super) trait Wanted: Sync {
    /// What people call it.
    const NOUN: &'static str;
    /// The same with its article.
    const A_NOUN: &'static str;
    /// The attribute that is its name.
    const NAME: &'static str;
    /// The adoption rule's words.
    const WORDS: &'static Words;
    /// What else may hold its place besides one that cannot be seen.
    const ELSE: &'static str;

    /// Its name.
    fn name(&self) -> &str;

    /// The `externalId` that ours has there: as mapped, else the anchor.
    fn external_id(&self) -> &str;

    /// The name of one that is there.
    fn name_of(account: &Account) -> Option<&str>;

    /// Whether a look-up by this attribute is understood.
    fn can_filter(profile: &Profile, attribute: &str) -> bool;

    /// Whether one of the name `there` may hold the place of `name`.
    fn is_same_name(profile: &Profile, there: &str, name: &str) -> bool;

    /// Whether, of several that hold its place, the one with exactly its name is meant.
    fn exact_name_decides(profile: &Profile) -> bool;

    /// Whether a POST does not tell that the name is in use.
    fn post_is_blind(profile: &Profile) -> bool;

    /// The look-up by `attribute`.
    fn look_up(profile: &Profile, attribute: &str, value: &str) -> PlannedRequest;

    /// The POST.
    fn post(&self, profile: &Profile) -> PlannedRequest;

    /// Brings one that is there, of which nothing is known, to the wanted state.
    fn take_over(
        &self,
        client: &ScimClient,
        holder: &Holder,
    ) -> impl Future<Output = Result<Created, ProviderError>> + Send;
}

impl Wanted for Payload {
    const NOUN: &'static str = "account";
    const A_NOUN: &'static str = "an account";
    const NAME: &'static str = "userName";
    const WORDS: &'static Words = &adopt::PERSON;
    const ELSE: &'static str = "hold the same e-mail address, ";

    fn name(&self) -> &str {
        self.pushed.resource.user_name()
    }

    fn external_id(&self) -> &str {
        lookup::expected_external_id(self)
    }

    fn name_of(account: &Account) -> Option<&str> {
        account.user_name.as_deref()
    }

    fn can_filter(profile: &Profile, attribute: &str) -> bool {
        profile.filterable.iter().any(|known| known == attribute)
    }

    fn is_same_name(_profile: &Profile, there: &str, name: &str) -> bool {
        // Where case counts, "Ada" is not in the way of "ada"; but the filter decides that.
        there.to_lowercase() == name.to_lowercase()
    }

    fn exact_name_decides(profile: &Profile) -> bool {
        !profile.user_name_case_insensitive
    }

    fn post_is_blind(profile: &Profile) -> bool {
        profile.silent_takeover
    }

    fn look_up(_profile: &Profile, attribute: &str, value: &str) -> PlannedRequest {
        request::find(attribute, value)
    }

    fn post(&self, profile: &Profile) -> PlannedRequest {
        request::create(profile, self)
    }

    /// An account in use stays in use: that is no adoption's to take away.
    async fn take_over(&self, client: &ScimClient, holder: &Holder) -> Result<Created, ProviderError> {
        let (id, mut payload) = (holder.id.clone(), self.clone());
        let stays_in_use = !payload.pushed.resource.is_active() && holder.account.active != Some(false);
        if stays_in_use {
            payload.pushed.resource = payload.pushed.resource.with_active(true);
        }
        client.bring_up_to_date(&id, &Pushed::default(), &payload).await?;
        Ok(if stays_in_use {
            Created::AdoptedInUse(id)
        } else {
            Created::Adopted(id)
        })
    }
}

impl Wanted for GroupPayload {
    const NOUN: &'static str = "group";
    const A_NOUN: &'static str = "a group";
    const NAME: &'static str = "displayName";
    const WORDS: &'static Words = &adopt::GROUP;
    const ELSE: &'static str = "";

    fn name(&self) -> &str {
        self.resource.text("displayName").unwrap_or_default()
    }

    fn external_id(&self) -> &str {
        self.resource.text("externalId").unwrap_or(&self.external_id)
    }

    fn name_of(account: &Account) -> Option<&str> {
        account.display_name.as_deref()
    }

    fn can_filter(profile: &Profile, attribute: &str) -> bool {
        profile.groups.filterable.iter().any(|known| known == attribute)
    }

    fn is_same_name(profile: &Profile, there: &str, name: &str) -> bool {
        there == name || (profile.groups.display_name_case_insensitive && there.to_lowercase() == name.to_lowercase())
    }

    fn exact_name_decides(_profile: &Profile) -> bool {
        true
    }

    /// Where names need not be unique a second group of the name is made without a word
    /// (RFC 7643 section 4.2).
    fn post_is_blind(profile: &Profile) -> bool {
        !profile.groups.display_name_unique
    }

    fn look_up(profile: &Profile, attribute: &str, value: &str) -> PlannedRequest {
        groups::request::find(profile, attribute, value)
    }

    fn post(&self, _profile: &Profile) -> PlannedRequest {
        groups::request::create(self)
    }

    async fn take_over(&self, client: &ScimClient, holder: &Holder) -> Result<Created, ProviderError> {
        let id = holder.id.clone();
        client.bring_group_up_to_date(&id, &Resource::default(), self).await?;
        Ok(Created::Adopted(id))
    }
}
