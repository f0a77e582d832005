//! Log lines: text, JSON or the journal, always to standard error, so that a report on standard
//! output stays clean.
//!
//! A level on its own (`debug`) is for Scimward; other crates stay at `warn`. They can be named
//! (`info,ldap3=info`), but never get above `info`, whatever is asked: at `debug` and `trace` an LDAP
//! or HTTP library prints what goes over the wire, and that is where passwords and tokens are. Our own
//! lines cannot leak them, because our secrets cannot be printed.

pub mod settings;
mod writer;

use std::io;

use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    fmt::{self, writer::BoxMakeWriter},
    layer::SubscriberExt,
    reload,
    util::SubscriberInitExt,
};

pub use self::writer::Output;
use settings::{LogFormat, LogSettings};

/// The name our own lines go by.
const OURS: &str = "scimward";

/// The most that other crates may say.
const OTHERS_MAX: LevelFilter = LevelFilter::INFO;

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level cannot be understood.
    #[error("log level {level:?}: {problem}")]
    Level {
        /// As written.
        level: String,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no journal.
    #[error(
        "cannot log to the journal; is systemd-journald running (/run/systemd/journal/socket)? \
         Use --log-format text or [log] format = \"text\" otherwise"
    )]
    Journal(#[source] io::Error),
    /// Logging was started before.
    #[error("logging is running already")]
    Twice,
}

/// Changes the level of a running log, for a configuration that is read again.
#[derive(Clone, Debug)]
pub struct LogHandle(reload::Handle<Targets, Registry>);

impl LogHandle {
    /// Sets the level from now on. Crates that log through `log` are not raised above the level the
    /// log was started with.
    ///
    /// # Errors
    /// When the level cannot be understood; the old one stays.
    pub fn set_level(&self, level: &str) -> Result<(), LogError> {
        let filter = Filter::new(level)?;
        self.0.reload(filter.targets).map_err(|_| LogError::Twice)
    }
}

/// Starts logging for the whole process.
///
/// `override_level` is the command line's and wins over the settings. `colour` is for text only.
///
/// # Errors
/// When the level cannot be understood, the journal cannot be reached, or logging runs already.
pub fn init(
    settings: &LogSettings,
    override_level: Option<&str>,
    colour: bool,
    output: Output,
) -> Result<LogHandle, LogError> {
    let filter = Filter::new(override_level.unwrap_or(&settings.level))?;
    let (targets, handle) = reload::Layer::new(filter.targets);
    let lines = lines(settings.format, colour, output.into_writer())?;
    tracing_subscriber::registry()
        .with(targets)
        .with(lines)
        .try_init()
        .map_err(|_| LogError::Twice)?;
    for target in filter.capped {
        tracing::warn!(target_crate = %target, "other crates are logged at info at most: above it they print secrets");
    }
    Ok(LogHandle(handle))
}

/// Whether `level` can be understood; fits the configuration's check.
///
/// # Errors
/// With what is wrong.
pub fn check_level(level: &str) -> Result<(), String> {
    Filter::parse(level).map(|_| ())
}

fn lines<S>(format: LogFormat, colour: bool, writer: BoxMakeWriter) -> Result<Box<dyn Layer<S> + Send + Sync>, LogError>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    // A line that cannot be written has nowhere to go; the complaint about it would panic there.
    let text = fmt::layer().with_writer(writer).log_internal_errors(false);
    Ok(match format {
        LogFormat::Text => text.with_ansi(colour).boxed(),
        LogFormat::Json => text.json().flatten_event(true).with_span_list(false).boxed(),
        LogFormat::Journald => tracing_journald::layer()
            .map_err(LogError::Journal)?
            .with_syslog_identifier(OURS.to_owned())
            .with_field_prefix(Some("SCIMWARD".to_owned()))
            .boxed(),
    })
}

/// What is let through.
struct Filter {
    targets: Targets,
    /// Targets that asked for more than they get.
    capped: Vec<String>,
}

impl Filter {
    fn new(level: &str) -> Result<Self, LogError> {
        Self::parse(level).map_err(|problem| LogError::Level {
            level: level.to_owned(),
            problem,
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut own = None;
        let mut named = Vec::new();
        let mut capped = Vec::new();
        for directive in text.split(',').map(str::trim) {
            let Some((target, level)) = directive.split_once('=') else {
                if own.replace(parse_level(directive)?).is_some() {
                    return Err("there are two levels without a name; which is meant?".to_owned());
                }
                continue;
            };
            let (target, level) = (parse_target(target.trim())?, parse_level(level.trim())?);
            if level > OTHERS_MAX && !is_ours(target) {
                capped.push(target.to_owned());
                named.push((target, OTHERS_MAX));
            } else {
                named.push((target, level));
            }
        }
        let own = own.unwrap_or(LevelFilter::INFO);
        let targets = Targets::new()
            .with_default(own.min(LevelFilter::WARN))
            .with_target(OURS, own)
            // Each of its errors is told by us, once and in plain words.
            .with_target("sled", LevelFilter::OFF)
            .with_targets(named);
        Ok(Self { targets, capped })
    }
}

fn is_ours(target: &str) -> bool {
    target == OURS || target.starts_with("scimward::")
}

fn parse_target(target: &str) -> Result<&str, String> {
    let plain = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == ':';
    if target.is_empty() || !target.chars().all(plain) {
        return Err(format!(
            "{target:?} is not the name of a module, such as scimward::scim"
        ));
    }
    Ok(target)
}

fn parse_level(level: &str) -> Result<LevelFilter, String> {
    Ok(match level.to_ascii_lowercase().as_str() {
        "off" => LevelFilter::OFF,
        "error" => LevelFilter::ERROR,
        "warn" => LevelFilter::WARN,
        "info" => LevelFilter::INFO,
        "debug" => LevelFilter::DEBUG,
        "trace" => LevelFilter::TRACE,
        _ => return Err(format!("{level:?} is not off, error, warn, info, debug or trace")),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::Level;

    use super::*;

    #[test]
    fn levels_are_for_us_and_others_are_capped() {
        let check = |level: &str, target: &str, expected: Option<Level>| {
            let filter = Filter::parse(level).unwrap();
            let levels = [Level::TRACE, Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR];
            let most = levels
                .into_iter()
                .find(|level| filter.targets.would_enable(target, level));
            assert_eq!(most, expected, "{level} for {target}");
        };
        check("info", "scimward::cycle", Some(Level::INFO));
        check("info", "ldap3::conn", Some(Level::WARN));
        check("trace", "scimward::cycle", Some(Level::TRACE));
        check("trace", "ldap3::conn", Some(Level::WARN));
        check("trace", "hyper::proto", Some(Level::WARN));
        check("info", "sled::tree", None);
        check("info,sled=error", "sled::tree", Some(Level::ERROR));
        check("trace,ldap3=trace", "ldap3::conn", Some(Level::INFO));
        check("trace,ldap=trace", "ldap3::conn", Some(Level::INFO));
        check("trace,hyper=debug", "hyper::proto", Some(Level::INFO));
        check("error", "rustls", Some(Level::ERROR));
        check("off", "scimward", None);
        check("scimward::scim=debug", "scimward::scim::client", Some(Level::DEBUG));
        check("scimward::scim=debug", "scimward::ldap", Some(Level::INFO));
        check("WARN, scimward::scim=Debug", "scimward::scim", Some(Level::DEBUG));
        check("debug,reqwest=off", "reqwest", None);
    }

    #[test]
    fn bad_levels_say_why() {
        let check = |level: &str, expected: &str| {
            let problem = check_level(level).unwrap_err();
            assert!(problem.contains(expected), "{level}: {problem}");
        };
        check("", "is not off, error");
        check("verbose", "\"verbose\" is not off, error");
        check("info,", "is not off, error");
        check("info,debug", "two levels");
        check("=debug", "not the name of a module");
        check("tokio-cron=warn", "not the name of a module");
        check("scimward[span]=trace", "not the name of a module");
        check("ldap3=5", "\"5\" is not off");
    }

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, level: &str, log: impl FnOnce()) -> String {
        let memory = Memory::default();
        let writer = memory.clone();
        let (targets, _handle) = reload::Layer::new(Filter::parse(level).unwrap().targets);
        let lines = lines(format, false, BoxMakeWriter::new(move || writer.clone())).unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(targets).with(lines), log);
        String::from_utf8(memory.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn nothing_of_other_crates_leaks_at_trace() {
        let log = || {
            tracing::trace!(target: "ldap3::conn", "BindRequest hunter2");
            tracing::debug!(target: "hyper::proto", "authorization: Bearer hunter2");
            tracing::trace!(token = ?secrecy::SecretString::from("hunter2"), "ours");
        };
        for level in ["trace", "trace,ldap3=trace,hyper=trace"] {
            let text = logged(LogFormat::Text, level, log);
            assert!(text.contains("ours") && !text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn json_lines_are_flat_objects() {
        let text = logged(LogFormat::Json, "info", || tracing::info!(operation = "create", "done"));
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&line["message"], &line["operation"]),
            (&"done".into(), &"create".into())
        );
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn text_lines_have_message_and_fields() {
        let text = logged(LogFormat::Text, "info", || tracing::info!(operation = "create", "done"));
        assert!(
            text.contains("INFO scimward::logging::tests: done operation=\"create\""),
            "{text}"
        );
    }

    #[test]
    fn the_level_of_a_running_log_can_change() {
        let (layer, handle) = reload::Layer::new(Filter::parse("info").unwrap().targets);
        let handle = LogHandle(handle);
        let enabled = || {
            layer
                .handle()
                .with_current(|targets| targets.would_enable(OURS, &Level::DEBUG))
                .unwrap()
        };
        assert!(!enabled());
        handle.set_level("debug").unwrap();
        assert!(enabled());
        assert!(matches!(handle.set_level("loud"), Err(LogError::Level { .. })));
        assert!(enabled());
    }
}
