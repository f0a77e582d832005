//! The whole read: one server after the other until one has given everything.

use tokio_util::sync::CancellationToken;

use super::{
    command,
    failure::{Failure, Stop},
    paged,
    session::{Connector, Identity},
    settings::{Bind, LdapSettings, LdapUrl, SearchSettings},
};
use crate::{
    model::DirectoryEntry,
    ports::{Absence, Directory, DirectoryError, EntrySink, ReadOutcome, SinkError},
};

/// An LDAP directory, read whole in every cycle.
#[derive(Debug)]
pub struct LdapDirectory {
    ldap: LdapSettings,
    search: SearchSettings,
}

impl LdapDirectory {
    /// Nothing is connected before [`Directory::read`].
    #[must_use]
    pub fn new(ldap: LdapSettings, search: SearchSettings) -> Self {
        Self { ldap, search }
    }

    /// [`Directory::read`], told how to find out who we are.
    fn read_as(
        &self,
        sink: &mut dyn EntrySink,
        stop: &CancellationToken,
        identity: &dyn Fn(&Bind) -> Result<Identity, Failure>,
    ) -> Result<ReadOutcome, DirectoryError> {
        blocking(async {
            let mut feed = Feed::new(sink);
            tokio::select! {
                biased;
                () = stop.cancelled() => Err(DirectoryError::Cancelled),
                outcome = self.read_all(&mut feed, identity) => outcome,
            }
        })?
    }

    /// Asks the servers in order. Whatever left a read incomplete, the next one is read from the start:
    /// the pages of two servers are never mixed.
    async fn read_all(
        &self,
        feed: &mut Feed<'_>,
        identity: &dyn Fn(&Bind) -> Result<Identity, Failure>,
    ) -> Result<ReadOutcome, DirectoryError> {
        let mut connector = Connector::new(&self.ldap, identity);
        let mut failures: Vec<Failure> = Vec::new();
        for (at, url) in self.ldap.urls.iter().enumerate() {
            feed.begin(url);
            match self.read_server(&mut connector, url, feed).await {
                Ok(()) => {
                    feed.settle()?;
                    return Ok(ReadOutcome {
                        absence: Absence::AllButPresent,
                        server: url.to_string(),
                        entries: feed.entries,
                    });
                }
                Err(Stop::Sink(error)) => return Err(error.into()),
                Err(Stop::Failure(failure)) => {
                    let failure = failure.at(url);
                    let last = failure.last || at + 1 == self.ldap.urls.len();
                    if !last {
                        // The last one's reason ends the read, and is said there.
                        let reason = failure.text.as_str();
                        tracing::warn!(reason, "a directory server could not be read; the next one is tried");
                    }
                    failures.push(failure);
                    if last {
                        break;
                    }
                }
            }
        }
        conclude(failures, feed)
    }

    async fn read_server(&self, connector: &mut Connector<'_>, url: &LdapUrl, feed: &mut Feed<'_>) -> Result<(), Stop> {
        let mut session = connector.open(url).await?;
        let mut gaps = Vec::new();
        for base in &self.search.bases {
            if tracing::enabled!(tracing::Level::DEBUG) {
                let command = command::ldapsearch(url, &self.ldap, &self.search, base);
                tracing::debug!(command, "searching the directory");
            }
            let mut give = |entry| feed.give(entry);
            gaps.extend(paged::read_base(&mut session, &self.search, base, self.ldap.page_size, &mut give).await?);
        }
        session.close().await;
        if gaps.is_empty() {
            return Ok(());
        }
        Err(Failure::refused(gaps.join("; ")).into())
    }
}

impl Directory for LdapDirectory {
    fn read(&mut self, sink: &mut dyn EntrySink, stop: &CancellationToken) -> Result<ReadOutcome, DirectoryError> {
        self.read_as(sink, stop, &Identity::of)
    }
}

/// No server gave everything. What the sink holds is one server's part, or nothing.
fn conclude(failures: Vec<Failure>, feed: &Feed<'_>) -> Result<ReadOutcome, DirectoryError> {
    let reason = failures
        .iter()
        .map(|failure| failure.text.as_str())
        .collect::<Vec<_>>()
        .join("; ");
    if feed.entries > 0 {
        let server = feed.source.clone();
        return Ok(ReadOutcome {
            absence: Absence::Unknown(reason),
            server,
            entries: feed.entries,
        });
    }
    // The server that let us come furthest says most about what is wrong.
    Err(match failures.into_iter().max_by_key(|failure| failure.kind) {
        Some(furthest) => Failure {
            text: reason,
            ..furthest
        }
        .into(),
        None => DirectoryError::Unreachable("no server is configured: set ldap.urls".into()),
    })
}

/// Runs `work` on a runtime of its own, on this thread: handing entries to another thread costs more
/// than it wins. A name service that hangs does not keep us.
pub(super) fn blocking<T>(work: impl Future<Output = T>) -> Result<T, DirectoryError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| DirectoryError::Unreachable(format!("cannot start: {error}")))?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(done)
}

/// Stands between the servers and the sink and sees to it that the sink holds one server's entries
/// only. The sink is restarted when the next server's first entry comes, not before: if the next
/// server cannot be reached, what the last one gave is still of use.
struct Feed<'a> {
    sink: &'a mut dyn EntrySink,
    /// Entries the sink holds.
    entries: u64,
    /// The server they are from.
    source: String,
    /// The server being read.
    current: String,
    /// True when what the sink holds is from a server given up.
    stale: bool,
}

impl<'a> Feed<'a> {
    fn new(sink: &'a mut dyn EntrySink) -> Self {
        Self {
            sink,
            entries: 0,
            source: String::new(),
            current: String::new(),
            stale: false,
        }
    }

    fn begin(&mut self, url: &LdapUrl) {
        self.stale = self.entries > 0;
        self.current = url.to_string();
    }

    fn give(&mut self, entry: DirectoryEntry) -> Result<(), SinkError> {
        if self.entries == 0 || self.stale {
            self.settle()?;
            self.source.clone_from(&self.current);
        }
        self.sink.entry(entry)?;
        self.entries += 1;
        Ok(())
    }

    /// From here on the sink holds nothing of another server.
    fn settle(&mut self) -> Result<(), SinkError> {
        if self.stale {
            self.sink.restart()?;
            self.entries = 0;
            self.stale = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
