//! Locations, and the sessions at each. They last as long as the instance.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::string::String;
use core::cell::RefCell;

use crate::place::Place;

/// A place that several handles share.
pub type Shared = Rc<RefCell<Place>>;

struct Places(RefCell<BTreeMap<String, Shared>>);

#[expect(unsafe_code, reason = "a `static` has to be `Sync`")]
// SAFETY: an instance has one thread.
unsafe impl Sync for Places {}

static PLACES: Places = Places(RefCell::new(BTreeMap::new()));

/// The place at a location, if there is one.
pub fn at(location: &str) -> Option<Shared> {
    PLACES.0.borrow().get(location).cloned()
}

/// Make a place where there is none.
pub fn make(location: &str) -> Shared {
    let place = Shared::default();
    PLACES.0.borrow_mut().insert(location.to_owned(), place.clone());
    place
}
