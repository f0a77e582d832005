//! What changes something, once everything was asked: the cloud's switch, and the files. When a part of it fails,
//! what was made is taken back; what cannot be, is told with the way on.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::{
    Failure, FirstRun,
    answers::{Answers, Secret, Sources},
    ask::{Stop, usage},
    chain,
    control::{Left, Made, Switch, Unfinished},
    place::{self, Folders, READABLE, SECRET, Waitlist},
    talk::Talk,
    trial::obstacle,
};
use crate::{
    app::{
        cloud::held::{self, Held},
        places::SCIM_TOKEN,
    },
    cloud::{CloudError, NotWorking, TokenFile, Verify, rotation::PAUSES},
    outcome::exit,
    secret::SecretSource,
};

impl FirstRun {
    /// Does it. No new file is left of what fails, and no token that nobody has.
    pub(super) fn act(&self, talk: &mut Talk<'_>, switch: Option<&Switch>) -> Result<(), Stop> {
        let mut folders = Folders::default();
        folders.prepare(&self.config, 0o755).map_err(usage)?;
        let token_file = self.token_file(talk);
        folders.prepare(&token_file, 0o700).map_err(usage)?;
        let secrets = self.to_write(talk).map_err(usage)?;
        let has_token = switch.is_some() || secrets.iter().any(|(path, _)| *path == token_file);
        let held = has_token.then(|| held::hold(&token_file)).transpose().map_err(usage)?;
        let Some(switch) = switch else {
            return self.write(talk, held.as_ref(), None).map_err(usage);
        };
        talk.desk
            .say("Switching provisioning on and making the token; this is not interrupted.")?;
        let made = switch.flip(talk.trial.runtime());
        let made = made.map_err(|unfinished| Stop::Failure(not_made(switch, unfinished)))?;
        let kept = prove(talk, switch, &made).and_then(|()| {
            talk.answers.endpoint = Some(made.endpoint.clone());
            self.write(talk, held.as_ref(), Some(&made)).map_err(Failure::usage)
        });
        kept.map_err(|Failure { words, code }| {
            let words = format!("{words}; {}", self.withdraw(talk, switch, &made));
            Stop::Failure(Failure { words, code })
        })
    }

    fn token_file(&self, talk: &Talk<'_>) -> PathBuf {
        self.secrets(talk.systemd).join(SCIM_TOKEN)
    }

    /// Takes a token back whose configuration is not written, unless it replaced another one in its file:
    /// then that file would hold no token that works. What became of it, and what is left, in words.
    fn withdraw(&self, talk: &Talk<'_>, switch: &Switch, made: &Made) -> String {
        let (path, id) = (self.token_file(talk), &made.token.id);
        let there = SecretSource::File(path.clone()).read();
        let token = if there.is_ok_and(|there| there.expose_secret() == made.text.expose_secret()) {
            let mut words = format!("the new token {id} is in {} and works", path.display());
            for earlier in switch.earlier() {
                let command = switch.delete_command(earlier);
                words.push_str(&format!(
                    "; the token {earlier} was there before and still works: when nobody uses it any more, delete it \
                     before you repeat this: {command}"
                ));
            }
            words
        } else {
            match switch.take_back(&made.token, talk.trial.runtime()) {
                Ok(()) => {
                    // A note that cannot be written speaks of a token too many, and nothing depends on that.
                    let _ = TokenFile::open(&path).and_then(|file| file.forget(id));
                    "the new token was deleted again".to_owned()
                }
                Err(error) => format!(
                    "the new token {id} is left over in the cloud ({}); delete it: {}",
                    chain(&error),
                    switch.delete_command(id)
                ),
            }
        };
        token + &on_now(switch, switch.left())
    }

    /// Secrets that get a file: those that have none, and all of them for a service that finds its
    /// credentials in one folder.
    pub(super) fn to_write(&self, talk: &Talk<'_>) -> Result<Vec<(PathBuf, SecretString)>, String> {
        let mut files = Vec::new();
        for (name, secret) in talk.answers.secrets() {
            let path = self.secrets(talk.systemd).join(name);
            match secret {
                Secret::Text(text) => files.push((path, text.clone())),
                Secret::File(file) if talk.systemd && *file != path => {
                    let text = SecretSource::File(file.clone()).read();
                    files.push((path, text.map_err(|error| error.to_string())?));
                }
                Secret::File(_) => {}
            }
        }
        Ok(files)
    }

    /// Secrets first: a configuration that is there works. The token's file is `held` when one comes into it.
    fn write(&self, talk: &Talk<'_>, held: Option<&Held>, made: Option<&Made>) -> Result<(), String> {
        let sources = match talk.systemd {
            true => Sources::Credentials,
            false => Sources::Folder(self.secrets(talk.systemd)),
        };
        let mut secrets = Waitlist::default();
        for (path, text) in self.to_write(talk)? {
            secrets.add(&path, text.expose_secret(), SECRET)?;
        }
        let mut config = Waitlist::default();
        config.add(&self.config, &talk.answers.render(&sources), READABLE)?;
        let mut written = secrets.settle()?;
        let token = held.map_or(Ok(()), |held| {
            let Some(Made { token, text, .. }) = made else {
                return held.end();
            };
            let path = self.token_file(talk);
            let note = path.with_file_name(format!("{SCIM_TOKEN}.json"));
            // What replaced another token stays, and so does its note.
            if !place::is_there(&path) {
                let files = [path.clone(), note];
                written
                    .new
                    .extend(files.into_iter().filter(|file| !place::is_there(file)));
            }
            held.put(token, text)
        });
        let done = token
            .map_err(|error| error.to_string())
            .and_then(|()| config.settle().map(drop));
        done.map_err(|words| written.take_away(words))
    }
}

/// Uses the new token once, before anything rests on it.
fn prove(talk: &mut Talk<'_>, switch: &Switch, made: &Made) -> Result<(), Failure> {
    let answers = Answers {
        endpoint: Some(made.endpoint.clone()),
        token: Some(Secret::Text(made.text.clone())),
        ..talk.answers.clone()
    };
    let of_endpoint = |reason| match switch.asks_for_endpoint() {
        true => format!("--endpoint: {reason}; nothing was written"),
        false => format!("{}: {reason}; nothing was written", made.endpoint),
    };
    let fits = talk.trial.complaint(&answers, &["[scim] endpoint"]);
    fits.map_err(|reason| Failure::usage(of_endpoint(reason)))?;
    until_known(talk, &answers, &made.text);
    let found = [talk.trial.cloud(&answers).map_err(Failure::usage)?];
    obstacle(&found).map_err(|reason| Failure {
        words: of_endpoint(reason),
        code: exit::PROVIDER,
    })?;
    // Also when nobody reads any more: what was begun is done.
    let _ = talk.show(&found);
    Ok(())
}

/// A new token may take a moment to be known everywhere. Any other trouble is not of its youth.
fn until_known(talk: &mut Talk<'_>, answers: &Answers, text: &SecretString) {
    let Ok(probe) = talk.trial.probe_of(answers) else {
        return;
    };
    let runtime = talk.trial.runtime().clone();
    for (number, pause) in PAUSES.into_iter().enumerate() {
        if !matches!(runtime.block_on(probe.works(text)), Err(NotWorking::Refused(_))) {
            return;
        }
        if number == 0 {
            let _ = talk.desk.say(
                "The new token is refused. It may take a moment to be known everywhere: trying for half a minute.",
            );
        }
        runtime.block_on(async { tokio::time::sleep(pause).await });
    }
}

/// Why there is no token, and what is left all the same.
fn not_made(switch: &Switch, Unfinished { error, left }: Unfinished) -> Failure {
    let mut words = format!("{}; nothing was written", chain(&error));
    if let CloudError::TokenLost { ids, .. } = &error {
        let commands: Vec<String> = ids.iter().map(|id| switch.delete_command(id)).collect();
        words.push_str(&format!("; to delete: {}", commands.join(" && ")));
    }
    Failure {
        words: words + &on_now(switch, left),
        code: error.exit_code(),
    }
}

/// Nobody switches it off again: that would take effect on whoever has begun to use it.
fn on_now(switch: &Switch, left: Left) -> String {
    let words = match left {
        Left::AsItWas => return String::new(),
        Left::On => "provisioning is switched on now, and stays on",
        Left::PerhapsOn => "provisioning may be switched on now, or in a moment, and then stays on",
    };
    format!(
        "; {words}: the same command goes on from there, and to switch it off again there is: {}",
        switch.off_command()
    )
}
