//! The characters and colours of a drawing.

/// The characters and colours of a drawing.
pub(super) struct Marks {
    /// The bar of an attempt until its transport stands, and after that.
    pub(super) transport: &'static str,
    pub(super) handshake: &'static str,
    /// The end of a bar: the attempt won, was dropped, or failed.
    pub(super) won: char,
    pub(super) dropped: char,
    pub(super) failed: char,
    pub(super) grid: char,
    pub(super) tick: char,
    pub(super) axis: char,
}

pub(super) const UNICODE: Marks =
    Marks {
        transport: "━", handshake: "═", won: '●', dropped: '┥', failed: '×', grid: '·', tick: '┴', axis: '─'
    };

pub(super) const ASCII: Marks =
    Marks { transport: "=", handshake: "~", won: 'O', dropped: '|', failed: 'x', grid: '.', tick: '+', axis: '-' };

#[derive(Clone, Copy)]
pub(super) enum Colour {
    Plain,
    Good,
    Bad,
    Faint,
}

impl Colour {
    /// Returns `text` in this colour, for a terminal (ECMA-48 §8.3.117).
    pub(super) fn paint(self, text: &str) -> String {
        let code = match self {
            _ if text.is_empty() => return text.into(),
            Self::Plain => return text.into(),
            Self::Good => "1;32",
            Self::Bad => "31",
            Self::Faint => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}
