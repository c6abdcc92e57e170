use super::{Event, Limit, Operation};

impl Event {
    /// The event's name in the contract.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Destroyed => "destroyed",
            Self::Expired => "expired",
            Self::Corrupt => "corrupt",
            Self::Renewed(_) => "renewed",
            Self::Login => "login",
            Self::Logout => "logout",
            Self::Conflict => "conflict",
            Self::DeadIdUsed => "dead-id-used",
            Self::WrongSecret => "wrong-secret",
            Self::UnknownId => "unknown-id",
            Self::TouchFailed => "touch-failed",
            Self::Refused(_) => "refused",
        }
    }
}

impl Limit {
    /// All cases.
    pub const ALL: [Self; 4] = [Self::SessionsOfUser, Self::NewSessions, Self::TotalSessions, Self::TotalBytes];

    /// The limit's name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::SessionsOfUser => "sessions-of-user",
            Self::NewSessions => "new-sessions",
            Self::TotalSessions => "total-sessions",
            Self::TotalBytes => "total-bytes",
        }
    }
}

impl Operation {
    /// All cases.
    pub const ALL: [Self; 6] = [Self::Load, Self::Save, Self::Create, Self::Touch, Self::Delete, Self::Rename];

    /// The operation's name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Save => "save",
            Self::Create => "create",
            Self::Touch => "touch",
            Self::Delete => "delete",
            Self::Rename => "rename",
        }
    }
}
