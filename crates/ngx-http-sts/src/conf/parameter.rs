//! `STSRequestParameter`, `params` of `STSExchange` and the parameters that it has by themselves: extra
//! parameters of the request to the STS.

use std::rc::Rc;

use sts_core::options::Template;
use sts_core::parameters;

use crate::conf::argument::Problem;
use crate::conf::directive::Accepted;
use crate::conf::place::Place;
use crate::conf::text::Text;
use crate::nginx::conf::Conf;
use crate::parameters::Parameter;

/// Adds one to a list that is being written.
pub(super) fn add(
    conf: &Conf<'_>,
    place: &Place,
    list: &mut Option<Rc<Vec<Parameter>>>,
    name: &str,
    value: Template,
) -> Accepted {
    parameters::check_name(name).map_err(|error| error.to_string())?;
    let identifier =
        value.literal().and_then(|value| parameters::token_type(name, value.as_bytes()));
    let value = identifier.map_or(value, Template::of_literal);
    let text = Rc::new(Text::compile(conf, value)?);
    let parameter = Parameter { place: Some(place.clone()), ..Parameter::new(name, text) };
    let list = Rc::get_mut(list.get_or_insert_default());
    let list = list.ok_or_else(|| Problem::from("the list is in use"))?;
    if list.iter().any(|known| known.name == name) && !parameters::may_repeat(name) {
        return Err(format!(
            "the parameter \"{name}\" is given twice: only \"audience\" and \"resource\" may be repeated"
        )
        .into());
    }
    list.push(parameter);
    Ok(())
}
