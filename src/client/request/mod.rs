//! A request before its connection is known, and its body while it is sent.
//!
//! 1. The [framing] of the body is decided, and the [fields](fields) are made to agree with it.
//! 2. The body becomes an [upload], whatever its type is. It must keep its [promises](promise).
//! 3. A [copy](retry_copy) is kept for a retry.
//! 4. A server may answer before it has read [all of the body](after_response).
//! 5. The body may [wait](held) until the server asks for it.
//! 6. The caller may get [informational responses](informational).

pub(super) mod after_response;
pub(super) mod defaults;
pub(super) mod fields;
pub(super) mod framing;
pub(super) mod held;
pub(super) mod informational;
pub(super) mod promise;
pub(super) mod retry_copy;
pub(super) mod upload;
