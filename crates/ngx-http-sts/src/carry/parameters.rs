//! Target tokens in a query and a form.

use sts_core::carry::pairs;
use sts_core::secret::Secret;

/// A text without what a backend could take for one of the names, but for the parameter that is `kept`;
/// nothing if it has none.
pub(crate) fn without(text: &[u8], names: &[&str], kept: Option<&str>) -> Option<Secret> {
    let mut left: Option<Secret> = None;
    for name in names {
        let text = left.as_ref().map_or(text, Secret::expose);
        left = pairs::remove_beside(text, name, kept).or(left);
    }
    left
}

/// A text without the names and with tokens before all that is left, the first of them first; nothing
/// if that is how it is already.
pub(crate) fn replaced(
    text: &[u8],
    names: &[&str],
    kept: Option<&str>,
    tokens: &[(&str, &[u8])],
) -> Option<Secret> {
    let mut all = without(text, names, kept);
    for (name, token) in tokens.iter().rev() {
        let behind = all.as_ref().map_or(text, Secret::expose);
        all = Some(pairs::prepend(behind, name, token));
    }
    all
}
