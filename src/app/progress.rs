//! Progress bars on a terminal: entries read, operations done. Nothing at all elsewhere.

use std::{fmt, time::Duration};

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::ports::{Event, Observer};

/// How often a bar is drawn at most, and how often it moves while nothing happens.
const DRAWS_PER_S: u8 = 10;
const TICK: Duration = Duration::from_millis(200);

/// Draws what happens.
pub struct Progress {
    bars: MultiProgress,
    pushes: bool,
    reading: ProgressBar,
    pushing: ProgressBar,
}

impl Progress {
    /// On standard error, when that is a terminal. `then` is what follows the reading; without it a plan is
    /// the end: a dry run.
    #[must_use]
    pub fn new(then: Option<&str>) -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(DRAWS_PER_S));
        let style = |template: &str| {
            ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .with_key("rate", |state: &ProgressState, out: &mut dyn fmt::Write| {
                    let rate = state.per_sec();
                    let decimals = usize::from(rate < 10.0);
                    let _ = write!(out, "{rate:.decimals$}/s");
                })
                .with_key("left", |state: &ProgressState, out: &mut dyn fmt::Write| {
                    // Without a first result there is nothing to guess from.
                    if state.pos() > 0 {
                        let _ = write!(out, "{:#} left", HumanDuration(state.eta()));
                    }
                })
        };
        let reading = ProgressBar::no_length().with_style(style("reading  {human_pos} entries  {rate}  {elapsed}"));
        let pushing = ProgressBar::no_length().with_style(style(&format!(
            "{:<7}  [{{bar:24}}] {{human_pos}}/{{human_len}}  {{rate}}  {{left}}  {{msg}}",
            then.unwrap_or_default()
        )));
        Self {
            bars,
            pushes: then.is_some(),
            reading,
            pushing,
        }
    }

    /// The bars, so that log lines can be written above them.
    #[must_use]
    pub fn bars(&self) -> MultiProgress {
        self.bars.clone()
    }

    /// Draws a bar at once, then whenever it moves: however short the work is, it is seen.
    fn show(&self, bar: &ProgressBar) {
        let bar = self.bars.add(bar.clone());
        bar.tick();
        bar.enable_steady_tick(TICK);
    }
}

impl Observer for Progress {
    fn event(&self, event: &Event) {
        match event {
            Event::Read { entries } => {
                if self.reading.position() == 0 {
                    self.show(&self.reading);
                }
                self.reading.set_position(*entries);
            }
            Event::Planned { operations } => {
                self.reading.finish_and_clear();
                if self.pushes && *operations > 0 {
                    self.pushing.set_length(*operations);
                    self.show(&self.pushing);
                }
            }
            Event::Done { done, total, failed } => {
                self.pushing.set_length(*total);
                self.pushing.set_position(*done);
                self.pushing.set_message(if *failed > 0 {
                    format!("{failed} failed")
                } else {
                    String::new()
                });
                if done == total {
                    self.pushing.finish_and_clear();
                }
            }
            Event::Paused { delay } => {
                self.pushing
                    .set_message(format!("the cloud asked for {} s of pause", delay.as_secs()));
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.reading.finish_and_clear();
        self.pushing.finish_and_clear();
    }
}
