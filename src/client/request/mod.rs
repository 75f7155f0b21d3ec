//! A request before it is known over which connection it goes, and its body on the way out.
//!
//! 1. It is decided how its body is [framed](framing), and its [fields](fields) are made to agree with that.
//! 2. The body is an [upload], whatever its type was, which is held to what it [promised](promise).
//! 3. A [copy](retry_copy) is kept of what may have to go out again.
//! 4. A server may answer before it has [read all of it](after_response).
//! 5. It may [wait](held) for the server to ask for it.
//! 6. Its caller may hear of [informational responses](informational).

pub(super) mod after_response;
pub(super) mod defaults;
pub(super) mod fields;
pub(super) mod framing;
pub(super) mod held;
pub(super) mod informational;
pub(super) mod promise;
pub(super) mod retry_copy;
pub(super) mod upload;
