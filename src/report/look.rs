//! Colours and columns of the text forms.

use anstyle::{AnsiColor, Style};

use super::{Brief, TextStyle};
use crate::model::Action;

/// Columns of an attribute's name: `enterprise.employeeNumber` and a space.
pub(super) const NAME_COLUMNS: usize = 26;
/// Columns of a user name before its DN.
pub(super) const USER_COLUMNS: usize = 20;
/// Columns below which no line can be laid out.
const WIDTH_MIN: usize = 60;

/// Styles that say nothing when there is no colour.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Look {
    pub width: usize,
    pub brief: Option<Brief>,
    pub heading: Style,
    pub strong: Style,
    pub faint: Style,
    pub added: Style,
    pub removed: Style,
    pub changed: Style,
    pub alert: Style,
}

impl Look {
    pub(super) fn new(style: TextStyle) -> Self {
        let width = style.width.max(WIDTH_MIN);
        if !style.colour {
            return Self {
                width,
                brief: style.brief,
                ..Self::default()
            };
        }
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        Self {
            width,
            brief: style.brief,
            heading: Style::new().bold().underline(),
            strong: Style::new().bold(),
            faint: Style::new().dimmed(),
            added: colour(AnsiColor::Green),
            removed: colour(AnsiColor::Red),
            changed: colour(AnsiColor::Yellow),
            alert: colour(AnsiColor::Red).bold(),
        }
    }

    /// The sign of an action, with its colour.
    pub(super) fn sign(&self, action: Action) -> (char, Style) {
        match action {
            Action::Create | Action::Reactivate => ('+', self.added),
            Action::Update | Action::Reference => ('~', self.changed),
            Action::Deactivate | Action::Delete => ('-', self.removed),
        }
    }
}
