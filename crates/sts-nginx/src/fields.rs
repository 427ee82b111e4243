//! The header fields of a request.
//!
//! NGINX keeps them in a list, and has pointers to some of them. The modules that send a request on
//! copy what is in the list, so a field has to be out of it to be gone. The list is never changed in
//! place, because subrequests share it: a request that changes a field gets a list of its own.

use std::ptr::{self, NonNull};
use std::slice;

#[cfg(not(ngx_links_headers))]
use nginx_sys::ngx_array_t;
use nginx_sys::{ngx_hash_key, ngx_list_part_t, ngx_list_t, ngx_palloc, ngx_table_elt_t};
use sts_core::secret::Secret;

use crate::request::{OutOfMemory, Request};

/// A header field.
#[derive(Clone, Copy)]
pub struct Field<'r> {
    pub name: &'r [u8],
    pub value: &'r [u8],
}

/// What becomes of a field.
pub enum Change {
    Keep,
    Drop,
    Set(Secret),
}

impl Field<'_> {
    pub fn is(&self, name: &str) -> bool {
        same_name(self.name, name)
    }

    /// Whether some backend takes it for a field of this name: CGI and its successors read `-` as `_`.
    pub fn is_like(&self, name: &str) -> bool {
        let same = |(one, other): (&u8, &u8)| {
            let is_dash = |byte: &u8| matches!(byte, b'-' | b'_');
            one.eq_ignore_ascii_case(other) || (is_dash(one) && is_dash(other))
        };
        self.name.len() == name.len() && self.name.iter().zip(name.as_bytes()).all(same)
    }
}

/// As a rule a client writes a name as it is written here, which is compared in words; letter by letter is
/// ten times the work.
fn same_name(one: &[u8], other: &str) -> bool {
    one.len() == other.len()
        && (one == other.as_bytes() || one.eq_ignore_ascii_case(other.as_bytes()))
}

impl<'r> Request<'r> {
    /// Those that count.
    pub fn fields(self) -> impl Iterator<Item = Field<'r>> {
        let counts = |element: &&ngx_table_elt_t| element.hash != 0;
        self.elements()
            .filter(counts)
            .map(|element| Field { name: element.key.as_bytes(), value: element.value.as_bytes() })
    }

    /// The value of the first field of a name.
    pub fn header(self, name: &str) -> Option<&'r [u8]> {
        self.fields().find(|field| field.is(name)).map(|field| field.value)
    }

    /// Gives the request other fields; `added` are names and values.
    pub fn change_fields(
        self,
        mut change: impl FnMut(Field<'_>) -> Change,
        added: &[(&str, &[u8])],
    ) -> Result<(), OutOfMemory> {
        let room = (self.elements().count() + added.len()).max(1);
        let size = size_of::<ngx_table_elt_t>();
        // SAFETY: the pool is valid as long as the request.
        let memory = unsafe { ngx_palloc(self.raw().pool, room * size) };
        let first = NonNull::new(memory.cast::<ngx_table_elt_t>()).ok_or(OutOfMemory)?;
        let mut count = 0;
        let mut push = |element: ngx_table_elt_t| {
            // SAFETY: there is room for all that there were and for those that are added.
            unsafe { first.add(count).write(element) };
            count += 1;
        };
        for element in self.elements() {
            let mut element = *element;
            if element.hash != 0 {
                let field = Field { name: element.key.as_bytes(), value: element.value.as_bytes() };
                match change(field) {
                    Change::Keep => {}
                    Change::Drop => continue,
                    Change::Set(value) => element.value = self.text(value.expose())?,
                }
            }
            #[cfg(ngx_links_headers)]
            {
                element.next = ptr::null_mut();
            }
            push(element);
        }
        for (name, value) in added {
            push(self.element(name, value)?);
        }
        let pool = self.raw().pool;
        // SAFETY: plain fields of a valid request, to which nothing else refers now.
        let headers_in = unsafe { &mut (*self.as_ptr()).headers_in };
        headers_in.headers = ngx_list_t {
            last: &raw mut headers_in.headers.part,
            part: ngx_list_part_t {
                elts: first.as_ptr().cast(),
                nelts: count,
                next: ptr::null_mut(),
            },
            size,
            nalloc: room,
            pool,
        };
        #[cfg(ngx_links_headers)]
        headers_in.set_multi_linked(0);
        self.point_at_fields()
    }

    fn elements(self) -> impl Iterator<Item = &'r ngx_table_elt_t> {
        let first = &self.raw().headers_in.headers.part;
        // SAFETY: NGINX keeps the list well-formed, for as long as the request.
        let parts = std::iter::successors(Some(first), |part| unsafe { part.next.as_ref() });
        parts.flat_map(|part| {
            // HTTP/0.9 has no fields.
            let Some(elements) = NonNull::new(part.elts.cast::<ngx_table_elt_t>()) else {
                return [].iter();
            };
            // SAFETY: a part has that many elements of this type.
            unsafe { slice::from_raw_parts(elements.as_ptr(), part.nelts) }.iter()
        })
    }

    fn element(self, name: &str, value: &[u8]) -> Result<ngx_table_elt_t, OutOfMemory> {
        let lower = self.text(name.to_ascii_lowercase().as_bytes())?;
        Ok(ngx_table_elt_t {
            // SAFETY: the name lies there.
            hash: unsafe { ngx_hash_key(lower.data, lower.len) },
            key: self.text(name.as_bytes())?,
            value: self.text(value)?,
            lowcase_key: lower.data,
            #[cfg(ngx_links_headers)]
            next: ptr::null_mut(),
        })
    }

    /// Lets NGINX's own pointers to fields that a token may be in point into the list as it is now.
    fn point_at_fields(self) -> Result<(), OutOfMemory> {
        let named = |name: &'static str| {
            let same = move |element: &&ngx_table_elt_t| {
                element.hash != 0 && same_name(element.key.as_bytes(), name)
            };
            self.elements().filter(same).map(|element| ptr::from_ref(element).cast_mut())
        };
        let authorization = named("Authorization").next();
        let content_length = named("Content-Length").next();
        let cookies: Vec<_> = named("Cookie").collect();
        // SAFETY: as in `change_fields`.
        let headers_in = unsafe { &mut (*self.as_ptr()).headers_in };
        headers_in.authorization = authorization.unwrap_or(ptr::null_mut());
        if !headers_in.content_length.is_null() {
            headers_in.content_length = content_length.unwrap_or(ptr::null_mut());
        }
        self.set_cookies(&cookies)
    }

    #[cfg(ngx_links_headers)]
    #[expect(clippy::unnecessary_wraps, reason = "older versions need memory for it")]
    fn set_cookies(self, cookies: &[*mut ngx_table_elt_t]) -> Result<(), OutOfMemory> {
        for pair in cookies.windows(2) {
            if let [one, next] = pair {
                // SAFETY: an element of the list that `change_fields` made, which is ours alone.
                unsafe { (**one).next = *next };
            }
        }
        let first = cookies.first().copied().unwrap_or(ptr::null_mut());
        // SAFETY: a plain field of a valid request.
        unsafe { (*self.as_ptr()).headers_in.cookie = first };
        Ok(())
    }

    #[cfg(not(ngx_links_headers))]
    fn set_cookies(self, cookies: &[*mut ngx_table_elt_t]) -> Result<(), OutOfMemory> {
        let size = size_of::<*mut ngx_table_elt_t>();
        let room = cookies.len().max(1);
        // SAFETY: the pool is valid as long as the request.
        let memory = unsafe { ngx_palloc(self.raw().pool, room * size) };
        let first = NonNull::new(memory.cast::<*mut ngx_table_elt_t>()).ok_or(OutOfMemory)?;
        // SAFETY: the memory is fresh and has room for them.
        unsafe { ptr::copy_nonoverlapping(cookies.as_ptr(), first.as_ptr(), cookies.len()) };
        let array = ngx_array_t {
            elts: first.as_ptr().cast(),
            nelts: cookies.len(),
            size,
            nalloc: room,
            pool: self.raw().pool,
        };
        // SAFETY: a plain field of a valid request.
        unsafe { (*self.as_ptr()).headers_in.cookies = array };
        Ok(())
    }
}
