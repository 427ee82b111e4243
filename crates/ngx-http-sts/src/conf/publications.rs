//! `STSJWKS`: exchanges whose keys are published. To which ones a name leads shows only when all blocks are
//! merged.

use std::rc::Rc;

use crate::conf::place::{Fault, Place};
use crate::jwks::Published;
use crate::minter::{Minter, Record};
use crate::shared_zone::SharedZone;

/// Exchanges with names, and the locations that publish keys of some.
#[derive(Default)]
pub(crate) struct Publications {
    known: Vec<Known>,
    wanted: Vec<Wanted>,
}

struct Known {
    name: String,
    minter: Rc<Minter>,
    zone: Rc<SharedZone>,
}

struct Wanted {
    names: Rc<Vec<String>>,
    place: Option<Place>,
    published: Rc<Published>,
}

impl Publications {
    /// Notes an exchange that mints, by its name (`STSName`).
    pub(super) fn knows(&mut self, name: &str, minter: &Rc<Minter>, zone: &Rc<SharedZone>) {
        let (minter, zone) = (minter.clone(), zone.clone());
        self.known.push(Known { name: name.to_owned(), minter, zone });
    }

    /// Notes a location that publishes the keys of these.
    pub(super) fn wants(
        &mut self,
        names: &Rc<Vec<String>>,
        place: Option<&Place>,
    ) -> Rc<Published> {
        let (names, published) = (names.clone(), Rc::<Published>::default());
        self.wanted.push(Wanted { names, place: place.cloned(), published: published.clone() });
        published
    }

    /// Leads each name to its exchanges, when all blocks are merged.
    ///
    /// # Errors
    /// There is none, or it signs with a secret.
    pub(super) fn finish(&self) -> Result<(), Fault> {
        for wanted in &self.wanted {
            let fault = |problem: String| Fault {
                problem: format!("\"STSJWKS\": {problem}"),
                place: wanted.place.clone(),
            };
            let mut minters = Vec::new();
            for name in wanted.names.iter() {
                let of_name = self.known.iter().filter(|known| known.name == *name);
                let before = minters.len();
                for Known { minter, zone, .. } in of_name {
                    if let Some(algorithm) = minter.keys.secret() {
                        return Err(fault(format!(
                            "\"{name}\" signs with {algorithm}, and with that secret each reader of the set \
                             could sign as well: take a key pair, or leave the name out"
                        )));
                    }
                    // It may be published in several places.
                    minter.record.get_or_init(|| Record::new(zone.clone(), name));
                    minters.push(minter.clone());
                }
                if minters.len() == before {
                    return Err(fault(format!(
                        "there is no exchange of type \"jwt\" with the name \"{name}\": write \"STSName {name}\" \
                         where its \"STSType jwt\" or \"STSExchange jwt\" is"
                    )));
                }
            }
            // A block is merged once.
            let _ = wanted.published.0.set(minters);
        }
        Ok(())
    }
}
