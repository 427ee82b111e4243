//! The filters that expressions may call: all of them. What is not here or in the prelude does not
//! exist.

use crate::budget::{Budget, Outcome};
use crate::run::native::{array, object, path, text};
use crate::value::Value;

/// Makes a value of the input.
pub(crate) type Format = fn(&Budget, Value) -> Outcome<Value>;

/// Makes a value of the input and of an argument.
type WithOne = fn(&Budget, Value, Value) -> Outcome<Value>;

/// Makes a value of the input and of two arguments.
type WithTwo = fn(&Budget, Value, Value, Value) -> Outcome<Value>;

/// A filter that makes one value of its input and of the values of its arguments.
#[derive(Clone, Copy)]
pub(crate) enum Native {
    Zero(Format),
    One(WithOne),
    Two(WithTwo),
}

/// A filter that evaluates its arguments itself, or that gives no value or more than one.
#[derive(Clone, Copy)]
pub(crate) enum Special {
    /// `empty`.
    Empty,
    /// `error`, with its message as argument or as input.
    Error,
    /// `first(f)`.
    First,
    /// `limit(n; f)`.
    Limit,
    /// `path(f)`.
    Path,
    /// `del(f)`.
    Delete,
    /// `getpath(p)`.
    GetPath,
    /// `walk(f)`.
    Walk,
}

/// What a name with so many arguments stands for.
#[derive(Clone, Copy)]
pub(crate) enum Builtin {
    Native(Native),
    Special(Special),
}

/// Only the prelude calls names that start with this.
pub(crate) const INTERNAL: char = '_';

pub(crate) fn find(name: &str, arguments: usize) -> Option<Builtin> {
    let special = |special| Some(Builtin::Special(special));
    match (name, arguments) {
        ("empty", 0) => special(Special::Empty),
        ("error", 0 | 1) => special(Special::Error),
        ("first", 1) => special(Special::First),
        ("limit", 2) => special(Special::Limit),
        ("path", 1) => special(Special::Path),
        ("del", 1) => special(Special::Delete),
        ("getpath", 1) => special(Special::GetPath),
        ("walk", 1) => special(Special::Walk),
        (_, 0) => zero(name).map(|native| Builtin::Native(Native::Zero(native))),
        (_, 1) => one(name).map(|native| Builtin::Native(Native::One(native))),
        (_, 2) => two(name).map(|native| Builtin::Native(Native::Two(native))),
        _ => None,
    }
}

/// `@base64` and its kind. `None` for one that does not exist.
pub(crate) fn format(name: &str) -> Option<Format> {
    Some(match name {
        "@text" => text::to_text,
        "@json" => text::to_json,
        "@base64" => text::to_base64,
        "@base64d" => text::from_base64,
        "@uri" => text::to_uri,
        _ => return None,
    })
}

fn zero(name: &str) -> Option<Format> {
    Some(match name {
        "not" => |_, input| Ok(Value::Bool(!input.is_true())),
        "type" => |budget, input| budget.text(input.kind()),
        "length" => array::length,
        "utf8bytelength" => text::bytes,
        "keys" | "keys_unsorted" => object::keys,
        "to_entries" => object::to_entries,
        "from_entries" => object::from_entries,
        "add" => array::add,
        "sort" => array::sort,
        "unique" => array::unique,
        "reverse" => array::reverse,
        "flatten" => |budget, input| array::flatten(budget, input, Value::count(usize::MAX)),
        "min" => array::min,
        "max" => array::max,
        "_paths" => path::all,
        "ascii_downcase" => text::downcase,
        "ascii_upcase" => text::upcase,
        "trim" => text::trim,
        "ltrim" => text::trim_start,
        "rtrim" => text::trim_end,
        "tostring" => text::to_text,
        "tonumber" => text::to_number,
        "tojson" => text::to_json,
        "fromjson" => text::from_json,
        "floor" => |_, input| array::round(input, f64::floor),
        "ceil" => |_, input| array::round(input, f64::ceil),
        "round" => |_, input| array::round(input, f64::round),
        "abs" => array::abs,
        _ => return format(name),
    })
}

fn one(name: &str) -> Option<WithOne> {
    Some(match name {
        "has" => object::has,
        "contains" => object::contains,
        "delpaths" => path::delete_all,
        "join" => text::join,
        "split" => text::split,
        "startswith" => text::starts_with,
        "endswith" => text::ends_with,
        "ltrimstr" => text::trim_prefix,
        "rtrimstr" => text::trim_suffix,
        "indices" => text::indices,
        "flatten" => array::flatten,
        "_sort_by" => array::sort_by,
        "_group_by" => array::group_by,
        _ => return None,
    })
}

fn two(name: &str) -> Option<WithTwo> {
    Some(match name {
        "setpath" => path::set_value,
        _ => return None,
    })
}

/// Why a filter of jq is left out, where the reason helps. That it is left out does not depend on
/// this list.
pub(crate) fn refusal(name: &str) -> Option<&'static str> {
    Some(match name {
        "input" | "inputs" | "input_filename" | "input_line_number" | "$__prog_args" => {
            "a filter sees the claims and nothing else"
        }
        "env" | "$ENV" => {
            "a filter does not see the environment; let the claims hold what it needs"
        }
        "halt" | "halt_error" => "a filter cannot end the process; error ends the filter",
        "debug" | "stderr" | "input_debug" => "a filter writes nothing; claims must not be logged",
        "import" | "include" | "modulemeta" | "get_search_list" => "a filter reads no files",
        "now" | "localtime" | "mktime" | "gmtime" | "strftime" | "strptime" | "strflocaltime"
        | "todate" | "fromdate" | "date" | "dateadd" | "datesub" | "todateiso8601"
        | "fromdateiso8601" => "a filter has no clock; iat and exp are set when the token is made",
        "range" | "repeat" | "while" | "until" | "combinations" => {
            "a filter goes over what the claims have, by .[], map or reduce"
        }
        "recurse" | "recurse_down" | ".." | "tostream" | "fromstream" | "truncate_stream" => {
            "a filter does not recurse; paths and walk go over all values"
        }
        "infinite" | "nan" | "isinfinite" | "isnan" | "isnormal" => {
            "JSON has neither infinite numbers nor NaN"
        }
        "@csv" | "@tsv" | "@html" | "@sh" | "@base32" | "@base32d" => {
            "the formats are @text, @json, @uri, @base64 and @base64d"
        }
        "match" | "splits" => "of regular expressions there are test, capture, scan, sub and gsub",
        _ => return None,
    })
}
