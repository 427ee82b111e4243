//! `STSRequestParameter`, and `params` of `STSExchange`: extra parameters of the request to the STS.

use std::rc::Rc;

use sts_core::options::Template;
use sts_core::parameters;

use crate::conf::argument::Problem;
use crate::conf::directive::Accepted;
use crate::conf::place::Place;
use crate::conf::text::Text;
use crate::nginx::conf::Conf;

/// An extra parameter. One without variables is sent even when it is empty.
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) text: Rc<Text>,
    /// Where it stands; `None` for what has a directive of its own.
    pub(crate) place: Option<Place>,
}

impl Parameter {
    /// What has a directive of its own.
    pub(super) fn new(name: &str, text: Rc<Text>) -> Self {
        Self { name: name.to_owned(), text, place: None }
    }
}

/// Adds one to a list that is being written.
pub(super) fn add(
    conf: &Conf<'_>,
    place: &Place,
    list: &mut Option<Rc<Vec<Parameter>>>,
    name: &str,
    value: Template,
) -> Accepted {
    parameters::check_name(name).map_err(|error| error.to_string())?;
    let text = Rc::new(Text::compile(conf, value)?);
    let parameter = Parameter { place: Some(place.clone()), ..Parameter::new(name, text) };
    let list = Rc::get_mut(list.get_or_insert_default());
    let list = list.ok_or_else(|| Problem::from("the list is in use"))?;
    if list.iter().any(|known| known.name == name) && !parameters::may_repeat(name) {
        return Err(format!("the parameter \"{name}\" is given twice").into());
    }
    list.push(parameter);
    Ok(())
}
