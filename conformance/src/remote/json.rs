//! The JSON encoding of component model values, by type.
//!
//! | WIT | JSON |
//! |---|---|
//! | `bool`, `string`, integers of up to 32 bits | the same |
//! | integers of 64 bits | `{"int": "-5"}` |
//! | `f64` | `{"float": "0.5"}`, also `NaN`, `Infinity`, `-Infinity` and `-0`; integers may be JSON numbers |
//! | `list<u8>` | `{"bytes": "00ff"}` |
//! | other lists, tuples | arrays |
//! | records | objects, with the WIT names |
//! | enums | the case |
//! | variants | `{"tag": "conflict", "val": {"int": "2"}}` |
//! | options | null or the value; options are never nested |
//! | resources | `{"own": 7}`, or `{"borrow": 7}` for a borrowed handle |

use serde_json::{Value, json};
use wasmtime::component::{Resource, Type, Val};
use wasmtime::{AsContextMut, Error, Result, bail, format_err};

/// A resource in the process; the representation is its number there.
pub(super) struct Remote;

/// Encodes a value.
pub(super) fn to_json(value: &Val, ty: &Type, store: &mut impl AsContextMut) -> Result<Value> {
    Ok(match (value, ty) {
        (Val::Bool(it), _) => json!(it),
        (Val::String(it), _) => json!(it),
        (Val::U32(it), _) => json!(it),
        (Val::U64(it), _) => json!({ "int": it.to_string() }),
        (Val::S64(it), _) => json!({ "int": it.to_string() }),
        (Val::Float64(it), _) => json!({ "float": float(*it) }),
        (Val::Enum(it), _) => json!(it),
        (Val::List(bytes), Type::List(list)) if list.ty() == Type::U8 => {
            let bytes: Vec<u8> = bytes.iter().map(|byte| if let Val::U8(byte) = byte { *byte } else { 0 }).collect();
            json!({ "bytes": base16ct::lower::encode_string(&bytes) })
        }
        (Val::List(items), Type::List(list)) => {
            let items = items.iter().map(|item| to_json(item, &list.ty(), store));
            Value::Array(items.collect::<Result<_>>()?)
        }
        (Val::Tuple(items), Type::Tuple(tuple)) => {
            let items = items.iter().zip(tuple.types()).map(|(item, ty)| to_json(item, &ty, store));
            Value::Array(items.collect::<Result<_>>()?)
        }
        (Val::Record(fields), Type::Record(record)) => {
            let fields = fields.iter().zip(record.fields());
            let fields = fields.map(|((name, value), field)| Ok((name.clone(), to_json(value, &field.ty, store)?)));
            Value::Object(fields.collect::<Result<_>>()?)
        }
        (Val::Variant(tag, payload), Type::Variant(variant)) => {
            let case = variant.cases().find(|case| case.name == tag).and_then(|case| case.ty);
            match (payload, case) {
                (Some(payload), Some(ty)) => json!({ "tag": tag, "val": to_json(payload, &ty, store)? }),
                _ => json!({ "tag": tag }),
            }
        }
        (Val::Option(None), _) => Value::Null,
        (Val::Option(Some(value)), Type::Option(option)) => to_json(value, &option.ty(), store)?,
        (Val::Resource(any), Type::Own(_)) => json!({ "own": any.try_into_resource::<Remote>(store)?.rep() }),
        (Val::Resource(any), Type::Borrow(_)) => json!({ "borrow": any.try_into_resource::<Remote>(store)?.rep() }),
        (value, ty) => bail!("no JSON for {value:?} of type {ty:?}"),
    })
}

/// Decodes a value of a type.
pub(super) fn to_val(json: &Value, ty: &Type, store: &mut impl AsContextMut) -> Result<Val> {
    let wrong = || format_err!("{json} is no {ty:?}");
    let text = |key: &str| json[key].as_str().ok_or_else(wrong);
    Ok(match ty {
        Type::Bool => Val::Bool(json.as_bool().ok_or_else(wrong)?),
        Type::String => Val::String(json.as_str().ok_or_else(wrong)?.into()),
        Type::U32 => Val::U32(json.as_u64().and_then(|it| it.try_into().ok()).ok_or_else(wrong)?),
        Type::U64 => Val::U64(text("int")?.parse()?),
        Type::S64 => Val::S64(text("int")?.parse()?),
        Type::Float64 => Val::Float64(match json.as_i64() {
            Some(whole) => whole as f64,
            None => text("float")?.parse()?,
        }),
        Type::Enum(_) => Val::Enum(json.as_str().ok_or_else(wrong)?.into()),
        Type::List(list) if list.ty() == Type::U8 => {
            let bytes = base16ct::lower::decode_vec(text("bytes")?).map_err(|error| format_err!("{error}"))?;
            Val::List(bytes.into_iter().map(Val::U8).collect())
        }
        Type::List(list) => {
            let items = json.as_array().ok_or_else(wrong)?.iter();
            Val::List(items.map(|item| to_val(item, &list.ty(), store)).collect::<Result<_>>()?)
        }
        Type::Tuple(tuple) => {
            let items = json.as_array().filter(|items| items.len() == tuple.types().len()).ok_or_else(wrong)?;
            let items = items.iter().zip(tuple.types()).map(|(item, ty)| to_val(item, &ty, store));
            Val::Tuple(items.collect::<Result<_>>()?)
        }
        Type::Record(record) => {
            let fields = json.as_object().ok_or_else(wrong)?;
            let field = |name: &str| fields.get(name).ok_or_else(|| format_err!("{json} has no {name}"));
            let fields = record.fields().map(|it| Ok((it.name.into(), to_val(field(it.name)?, &it.ty, store)?)));
            Val::Record(fields.collect::<Result<_>>()?)
        }
        Type::Variant(variant) => {
            let tag = text("tag")?;
            let case = variant.cases().find(|case| case.name == tag).ok_or_else(wrong)?;
            let payload = case.ty.map(|ty| to_val(&json["val"], &ty, store)).transpose()?;
            Val::Variant(tag.into(), payload.map(Box::new))
        }
        Type::Option(_) if json.is_null() => Val::Option(None),
        Type::Option(option) => Val::Option(Some(Box::new(to_val(json, &option.ty(), store)?))),
        Type::Own(_) => {
            let number = json["own"].as_u64().and_then(|it| it.try_into().ok()).ok_or_else(wrong)?;
            Val::Resource(Resource::<Remote>::new_own(number).try_into_resource_any(store)?)
        }
        ty => return Err(Error::msg(format!("no value of type {ty:?} from JSON"))),
    })
}

fn float(value: f64) -> String {
    if value.is_infinite() { format!("{}Infinity", if value < 0.0 { "-" } else { "" }) } else { value.to_string() }
}
