//! Files shared by all pages.

use crate::failure::Failure;
use crate::request::Request;
use crate::response::Response;

pub fn style(_: &Request) -> Result<Response, Failure> {
    Ok(Response::file("text/css; charset=utf-8", include_str!("../style.css")))
}

pub fn icon(_: &Request) -> Result<Response, Failure> {
    Ok(Response::file("image/svg+xml", include_str!("../icon.svg")))
}
