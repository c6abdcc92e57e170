//! The properties that the tests of `session-core` replay.

#![forbid(unsafe_code)]

#[path = "../../core/tests/properties/attributes.rs"]
pub mod attributes;
#[path = "../../core/tests/properties/bytes.rs"]
pub mod bytes;
#[path = "../../core/tests/properties/cookie.rs"]
pub mod cookie;
#[path = "../../core/tests/properties/id.rs"]
pub mod id;
#[path = "../../core/tests/manager/memory.rs"]
pub mod memory;
#[path = "../../core/tests/properties/operations.rs"]
pub mod operations;
#[path = "../../core/tests/properties/record.rs"]
pub mod record;
#[path = "../../core/tests/manager/site.rs"]
pub mod site;
#[path = "../../core/tests/properties/slots.rs"]
pub mod slots;
