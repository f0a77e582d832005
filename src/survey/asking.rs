//! What those who ask the cloud one question after the other have in common.

use std::sync::Arc;

use futures_util::{Stream, StreamExt, stream};

use crate::{
    model::{AnchorKey, ResourceId},
    ports::{GroupReader, ProviderError, StateStore, StoreError},
};

/// Questions in a row for which the provider is of no use before it is given up.
pub(super) const UNAVAILABLE_MAX: u32 = 10;

/// An id that no account has: the nil UUID (RFC 9562 section 5.9).
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// Whether the groups of a person can really be asked for: a service provider that ignores the filter
/// answers with every group, and everybody would seem to be in all of them.
///
/// # Errors
/// When nothing else can be asked either.
pub(super) async fn tells_groups_of_a_person<R: GroupReader>(reader: &R) -> Result<bool, ProviderError> {
    match reader.groups_of(&ResourceId(NOBODY.to_owned())).await {
        Ok(groups) => Ok(groups.is_some_and(|groups| groups.is_empty())),
        Err(error) if ends(&error) => Err(error),
        // Who refuses the id has read the filter; one who answers nothing has told nothing.
        Err(error) => Ok(matches!(error, ProviderError::Gone | ProviderError::Refused { .. })),
    }
}

/// The answer about one person; nothing in it where nobody is linked, or where the cloud cannot name them all.
type GroupsOf = Result<Option<Vec<ResourceId>>, ProviderError>;

/// The groups of each of these people, in their order, with so many questions in flight.
pub(super) fn groups_of_each<R: GroupReader, S: StateStore>(
    (reader, store): (&Arc<R>, &Arc<S>),
    people: impl Iterator<Item = AnchorKey>,
    concurrency: usize,
) -> impl Stream<Item = Result<(AnchorKey, GroupsOf), StoreError>> {
    let ask = move |key| {
        let (reader, store) = (Arc::clone(reader), Arc::clone(store));
        async move {
            let Some(link) = store.link(key)? else {
                return Ok((key, Ok(None)));
            };
            Ok((key, reader.groups_of(&link.id).await))
        }
    };
    stream::iter(people).map(ask).buffered(concurrency.max(1))
}

/// Whether this says something about the whole run.
pub(super) fn ends(error: &ProviderError) -> bool {
    matches!(
        error,
        ProviderError::Unauthorized { .. } | ProviderError::Cancelled | ProviderError::InDoubt { .. }
    )
}
