//! Routing by path and method, and checks before a page sees the request.

use alloc::vec::Vec;

use wasi::exports::http::incoming_handler::Guest;
use wasi::http::types::{IncomingRequest, Method, ResponseOutparam};

use crate::failure::{Failure, Reason};
use crate::origin;
use crate::pages::{actions, admin, assets, attributes, confirm, countdown, devices, form, home, login, notes};
use crate::request::Request;
use crate::response::Response;

type Page = fn(&Request) -> Result<Response, Failure>;

/// How a page is requested.
#[derive(Clone, Copy, PartialEq)]
enum Ask {
    /// It shows something.
    Show,
    /// It changes something. Session3's links that did so are buttons here: browsers prefetch links.
    Submit,
}

const ROUTES: [(Ask, &str, Page); 27] = [
    (Ask::Show, "/", home::show),
    (Ask::Submit, "/", home::show),
    (Ask::Submit, "/keep", actions::keep),
    (Ask::Submit, "/increment", actions::increment),
    (Ask::Submit, "/incrementfail", actions::increment_and_fail),
    (Ask::Submit, "/logout", actions::logout),
    (Ask::Submit, "/logoutfail", actions::logout_and_fail),
    (Ask::Submit, "/login", login::submit),
    (Ask::Submit, "/attributes/set", attributes::set),
    (Ask::Submit, "/attributes/remove", attributes::remove),
    (Ask::Show, "/devices", devices::show),
    (Ask::Submit, "/devices/end", devices::end),
    (Ask::Submit, "/devices/end-others", devices::end_others),
    (Ask::Submit, "/devices/end-all", devices::end_all),
    (Ask::Show, "/devices/confirm", confirm::show),
    (Ask::Submit, "/devices/confirm", confirm::submit),
    (Ask::Show, "/notes", notes::show),
    (Ask::Submit, "/notes", notes::save),
    (Ask::Submit, "/notes/count", notes::count),
    (Ask::Show, "/form", form::show),
    (Ask::Submit, "/form", form::submit),
    (Ask::Show, "/admin", admin::show),
    (Ask::Submit, "/admin/end", admin::end),
    (Ask::Show, "/style.css", assets::style),
    (Ask::Show, "/countdown.css", countdown::style),
    (Ask::Show, "/icon.svg", assets::icon),
    (Ask::Show, "/favicon.ico", assets::icon),
];

impl Ask {
    fn methods(self) -> &'static str {
        match self {
            Self::Show => "GET, HEAD",
            Self::Submit => "POST",
        }
    }

    fn admits(self, method: &Method) -> bool {
        match method {
            Method::Get | Method::Head => self == Self::Show,
            Method::Post => self == Self::Submit,
            _ => false,
        }
    }
}

fn route(request: &Request) -> Result<Response, Failure> {
    let routes: Vec<_> = ROUTES.iter().filter(|(_, path, _)| *path == request.path).collect();
    let Some((ask, _, page)) = routes.iter().find(|(ask, ..)| ask.admits(&request.method)) else {
        let methods: Vec<_> = routes.iter().map(|(ask, ..)| ask.methods()).collect();
        return Err(
            if methods.is_empty() { Reason::NoSuchPage } else { Reason::WrongMethod(methods.join(", ")) }.into()
        );
    };
    if *ask != Ask::Show {
        origin::refuse_cross_site(request)?;
    }
    page(request)
}

struct Demo;

impl Guest for Demo {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let request = Request::new(request);
        let response = route(&request).unwrap_or_else(Failure::into_response);
        response.send(out, matches!(request.method, Method::Head));
    }
}

wasi::http::proxy::export!(Demo);
