use super::ConninfoError;
use super::settings::Settings;

/// How a server may ask this client to prove who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// The server asks for nothing (trust, peer, or a client certificate).
    None,
    Password,
    Md5,
    ScramSha256,
    Gss,
    Sspi,
}

const METHODS: &[(&str, AuthMethod)] = &[
    ("none", AuthMethod::None),
    ("password", AuthMethod::Password),
    ("md5", AuthMethod::Md5),
    ("scram-sha-256", AuthMethod::ScramSha256),
    ("gss", AuthMethod::Gss),
    ("sspi", AuthMethod::Sspi),
];

impl AuthMethod {
    /// The word of `require_auth`.
    pub fn word(self) -> &'static str {
        METHODS.iter().find(|(_, method)| *method == self).map_or("", |(word, _)| word)
    }
}

/// The methods that `require_auth` lets a server ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RequiredAuth {
    #[default]
    Any,
    OneOf(Vec<AuthMethod>),
    AllBut(Vec<AuthMethod>),
}

impl RequiredAuth {
    pub fn permits(&self, method: AuthMethod) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(methods) => methods.contains(&method),
            Self::AllBut(methods) => !methods.contains(&method),
        }
    }

    /// The text that libpq reads back to the same meaning; nothing where any method is permitted.
    pub(super) fn to_setting(&self) -> Option<String> {
        let (methods, negation) = match self {
            Self::Any => return None,
            Self::OneOf(methods) => (methods, ""),
            Self::AllBut(methods) => (methods, "!"),
        };
        Some(methods.iter().map(|method| format!("{negation}{}", method.word())).collect::<Vec<_>>().join(","))
    }

    pub(super) fn read(settings: &Settings) -> Result<Self, ConninfoError> {
        const EXPECTED: &str = "a list of none, password, md5 and scram-sha-256, or a list of such words that all \
                                begin with \"!\"";
        let Some(text) = settings.text("require_auth") else { return Ok(Self::Any) };
        let mut wanted = Vec::new();
        let mut unwanted = Vec::new();
        for item in text.split(',').map(str::trim) {
            let (list, word) = match item.strip_prefix('!') {
                Some(word) => (&mut unwanted, word),
                None => (&mut wanted, item),
            };
            let method = METHODS.iter().find(|(known, _)| *known == word).map(|(_, method)| *method);
            list.push(method.ok_or_else(|| settings.invalid("require_auth", EXPECTED))?);
        }
        match (wanted.is_empty(), unwanted.is_empty()) {
            (false, true) => Ok(Self::OneOf(wanted)),
            (true, false) => Ok(Self::AllBut(unwanted)),
            _ => Err(settings.invalid("require_auth", EXPECTED)),
        }
    }
}
