//! How costs grow: with idle connections, long lists and many races.

mod idle;
pub(crate) mod memory;
mod memory_io;
pub(crate) mod races;

use crate::run::Run;

pub(crate) const GROUP: &str = "scale";

pub(crate) fn measure(run: &mut Run) {
    memory::measure(run);
    idle::measure(run);
    races::long(run);
    races::many(run);
}
