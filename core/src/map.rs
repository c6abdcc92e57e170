//! A map from names, sorted by name.
//!
//! A sorted vector: a session has few attributes, and a search tree is several times the code. Lookup is logarithmic,
//! insertion and removal are linear.

use alloc::string::String;
use alloc::vec::Vec;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A map of few names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map<V>(Vec<(String, V)>);

impl<V> Map<V> {
    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&V> {
        let at = self.find(name).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// Inserts a name or replaces its value.
    pub fn insert(&mut self, name: &str, value: V) {
        match self.find(name) {
            Ok(at) => {
                if let Some((_, before)) = self.0.get_mut(at) {
                    *before = value;
                }
            }
            Err(at) => self.0.insert(at, (String::from(name), value)),
        }
    }

    /// Removes a name, if present.
    pub fn remove(&mut self, name: &str) {
        if let Ok(at) = self.find(name) {
            self.0.remove(at);
        }
    }

    /// Keeps only the names that satisfy the predicate, in one pass.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &V) -> bool) {
        self.0.retain(|(name, value)| keep(name, value));
    }

    /// Removes all names.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The number of names.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the map is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names and their values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(each, _)| each.as_str().cmp(name))
    }
}

impl<V> Default for Map<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V: Serialize> Serialize for Map<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Map<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Serde reserves at most 1 MiB for entries not yet read.
        let entries = Vec::<(String, V)>::deserialize(deserializer)?;
        if !entries.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err(D::Error::custom("names out of order"));
        }
        Ok(Self(entries))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_behaves_like_a_btree_map(steps in prop::collection::vec(("[abc]{0,2}", prop::option::of(any::<u8>())), 0..50)) {
            let (mut map, mut tree) = (Map::default(), BTreeMap::new());
            for (name, value) in steps {
                match value {
                    Some(value) => {
                        map.insert(&name, value);
                        tree.insert(name.clone(), value);
                    }
                    None => {
                        map.remove(&name);
                        tree.remove(&name);
                    }
                }
                prop_assert_eq!(map.get(&name), tree.get(&name));
                prop_assert_eq!(map.len(), tree.len());
                prop_assert_eq!(map.is_empty(), tree.is_empty());
                prop_assert!(map.iter().eq(tree.iter().map(|(name, value)| (name.as_str(), value))));
            }
            map.retain(|name, value| name.starts_with('a') && value % 2 == 0);
            tree.retain(|name, value| name.starts_with('a') && *value % 2 == 0);
            prop_assert!(map.iter().eq(tree.iter().map(|(name, value)| (name.as_str(), value))));
            map.clear();
            prop_assert!(map.is_empty());
        }
    }
}
