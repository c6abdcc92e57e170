//! Bearer tokens for API clients, and the configuration of the client side.

use crate::bindings::Access::Optimistic;
use crate::bindings::{Client, Transport};
use crate::browser::set_cookies;
use crate::check::refused_for;
use crate::client::{Configuration, HeaderField, Manager, options};
use crate::harness::Harness;

fn value<'a>(fields: &'a [HeaderField], name: &str) -> Option<&'a str> {
    fields.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

fn nobody() -> Client {
    Client { address: None, user_agent: None }
}

pub async fn a_token_in_a_header_field_instead_of_a_cookie(host: &impl Harness) {
    let configuration = Configuration { transport: Some(Transport::Bearer), ..Configuration::default() };
    let manager = host.manager_with(configuration).await;
    let session = manager.start_of(&[], &nobody(), Optimistic).await.unwrap();
    session.increment("calls").await;
    let fields = manager.finish(session).await.unwrap();
    let token = value(&fields, "session-token").expect("a token").to_owned();
    assert_eq!((value(&fields, "cache-control"), value(&fields, "vary")), (Some("no-store"), Some("Authorization")));
    assert_eq!(value(&fields, "set-cookie"), None);
    for (field, found) in [
        (format!("Bearer {token}"), true),
        (format!("bearer {token}"), true),
        (format!("Basic {token}"), false),
        (token.clone(), false),
        (format!("Bearer {token}0"), false),
        (format!("__Host-session={token}"), false),
    ] {
        let session = manager.start_of(std::slice::from_ref(&field), &nobody(), Optimistic).await.unwrap();
        assert_eq!(session.id().await.is_some(), found, "{field}");
        session.close().await;
    }
    let session = manager.start_of(&[format!("Bearer {token}")], &nobody(), Optimistic).await.unwrap();
    session.expire().await.unwrap();
    assert_eq!(value(&manager.finish(session).await.unwrap(), "session-token"), Some(""));
}

pub async fn attributes_of_the_cookie_on_request(host: &impl Harness) {
    let configuration = Configuration {
        cookie_name: Some("sid".into()),
        cookie_domain: Some("example.com".into()),
        cookie_partitioned: true,
        clear_site_data: true,
        ..Configuration::default()
    };
    let manager = host.manager_with(configuration).await;
    let session = manager.start(&[], None, Optimistic).await.unwrap();
    session.increment("visits").await;
    let fields = manager.finish(session).await.unwrap();
    let cookie = &set_cookies(&fields)[0];
    assert_eq!(cookie.attributes.get("domain").map(String::as_str), Some("example.com"));
    assert!(cookie.attributes.contains_key("partitioned") && cookie.attributes.contains_key("secure"));
    let session = manager.start(&[format!("sid={}", cookie.value)], None, Optimistic).await.unwrap();
    session.expire().await.unwrap();
    let fields = manager.finish(session).await.unwrap();
    assert_eq!(value(&fields, "clear-site-data"), Some(r#""cache", "cookies", "storage""#));
}

pub async fn what_browsers_would_reject_is_refused_with_the_reason(host: &impl Harness) {
    let instance = host.instance().await;
    let default = Configuration::default;
    for (row, configuration) in [
        ("a __Host- name with a domain", Configuration { cookie_domain: Some("example.com".into()), ..default() }),
        (
            "no host name",
            Configuration { cookie_name: Some("sid".into()), cookie_domain: Some("a;b".into()), ..default() },
        ),
        (
            "partitioned and not secure",
            Configuration {
                cookie_name: Some("sid".into()),
                cookie_secure: Some(false),
                cookie_partitioned: true,
                ..default()
            },
        ),
        ("more than 4096 bytes", Configuration { cookie_name: Some("n".repeat(4000)), ..default() }),
        ("a renewal interval of zero", Configuration { renewal_interval: Some(0), ..default() }),
        ("an unconfirmed timeout of zero", Configuration { unconfirmed_timeout: Some(0), ..default() }),
    ] {
        let opened = Manager::open(&instance, host.location(), options(), &configuration).await;
        refused_for(opened.map(drop), "invalid-argument", &row);
    }
}
