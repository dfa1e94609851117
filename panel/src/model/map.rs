//! A map that is stored as a sorted list, for a few hundred entries. The panel does not use `BTreeMap`, because each
//! type of `BTreeMap` would add kilobytes to the program.

/// A map whose entries are sorted by key.
#[derive(Debug, Clone, PartialEq)]
pub struct Map<K, V>(Vec<(K, V)>);

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V> Map<K, V> {
    fn place(&self, key: &K) -> Result<usize, usize> {
        self.0.binary_search_by(|(own, _)| own.cmp(key))
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        let place = self.place(key).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = self.place(key).ok()?;
        self.0.get_mut(place).map(|(_, value)| value)
    }

    /// Inserts a value for a key. A value that the key already has is replaced.
    pub fn insert(&mut self, key: K, value: V) {
        match self.place(&key) {
            Ok(place) => {
                if let Some((_, own)) = self.0.get_mut(place) {
                    *own = value;
                }
            }
            Err(place) => self.0.insert(place, (key, value)),
        }
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.place(key).ok().map(|place| self.0.remove(place).1)
    }

    pub fn retain(&mut self, wanted: impl Fn(&K) -> bool) {
        self.0.retain(|(key, _)| wanted(key));
    }

    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.0.iter_mut().map(|(key, value)| (&*key, value))
    }
}

impl<K: Ord + Clone, V: Default> Map<K, V> {
    /// Changes the value of a key. If the map does not contain the key, the key is first inserted with the default
    /// value.
    pub fn change(&mut self, key: &K, change: impl FnOnce(&mut V)) {
        if self.get(key).is_none() {
            self.insert(key.clone(), V::default());
        }
        if let Some(value) = self.get_mut(key) {
            change(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_one_value_for_each_key_in_order() {
        let mut map = Map::default();
        for (key, value) in [(3, "c"), (1, "a"), (2, "b"), (1, "A")] {
            map.insert(key, value.to_owned());
        }
        map.change(&2, |value| value.push('!'));
        map.change(&4, |value| value.push('d'));
        let all: Vec<_> = map.iter().map(|(key, value)| (*key, value.as_str())).collect();
        assert_eq!(all, [(1, "A"), (2, "b!"), (3, "c"), (4, "d")]);
        assert_eq!((map.remove(&3).as_deref(), map.remove(&3)), (Some("c"), None));
        map.retain(|key| *key > 1);
        map.iter_mut().for_each(|(key, value)| *value = key.to_string());
        assert_eq!((map.get(&1), map.get(&4).map(String::as_str)), (None, Some("4")));
    }
}
