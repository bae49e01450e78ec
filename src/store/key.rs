//! Names of objects.

use std::fmt;

/// The name of an object relative to the store's root: segments of `[A-Za-z0-9._-]`, joined by `/`.
///
/// Checked when made, so that no name that came out of a manifest can leave the store's root.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey(String);

impl ObjectKey {
    pub fn new(name: impl Into<String>) -> Option<Self> {
        let name = name.into();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let valid = name.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && part.chars().all(plain));
        valid.then_some(Self(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::ObjectKey;

    #[test]
    fn a_key_cannot_leave_the_store() {
        for bad in ["", "/etc/passwd", "../x", "data/../../x", "data//x", "data/.x", "a b", "data/", "é"] {
            assert_eq!(ObjectKey::new(bad), None, "{bad:?}");
        }
        assert!(ObjectKey::new("data/ab/ab12.1").is_some());
    }
}
