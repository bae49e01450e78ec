//! The layers of settings, merged as libpq merges them: connection string, service file, environment.

use std::collections::BTreeMap;

use super::environment::Environment;
use super::keyword::{self, KEYWORDS, Origin, Treatment};
use super::{ConninfoError, service, syntax};

struct Setting {
    value: String,
    origin: Origin,
}

pub(super) struct Settings {
    by_keyword: BTreeMap<&'static str, Setting>,
}

impl Settings {
    /// Refuses what is unknown and what cannot be obeyed, so that whatever follows may trust that nothing was lost.
    pub fn gather(dsn: Option<&str>, env: &Environment) -> Result<Self, ConninfoError> {
        let mut settings = Self { by_keyword: BTreeMap::new() };
        for (name, value) in syntax::parse(dsn.unwrap_or_default())? {
            let origin = Origin::ConnectionString;
            match keyword::find(&name) {
                Some(keyword) => settings.by_keyword.insert(keyword.name, Setting { value, origin }),
                None => {
                    let suggestion = keyword::nearest(&name);
                    return Err(ConninfoError::UnknownKeyword { keyword: name, origin, suggestion });
                }
            };
        }
        settings.add_service(env)?;
        settings.add_variables(env)?;
        settings.refuse_the_unsupported()?;
        Ok(settings)
    }

    fn add_service(&mut self, env: &Environment) -> Result<(), ConninfoError> {
        let given = |keyword: &str, variable: &str| -> Result<Option<String>, ConninfoError> {
            match self.by_keyword.get(keyword) {
                Some(setting) => Ok(Some(setting.value.clone())),
                None => Ok(env.variable(variable)?.map(str::to_owned)),
            }
        };
        let Some(service) = given("service", "PGSERVICE")? else { return Ok(()) };
        let found = service::look_up(&service, given("servicefile", "PGSERVICEFILE")?.as_deref(), env)?;
        for (name, value) in found.settings {
            if let Some(keyword) = keyword::find(&name) {
                let origin = Origin::ServiceFile(found.path.clone());
                self.by_keyword.entry(keyword.name).or_insert(Setting { value, origin });
            }
        }
        Ok(())
    }

    fn add_variables(&mut self, env: &Environment) -> Result<(), ConninfoError> {
        for keyword in KEYWORDS {
            let Some(variable) = keyword.variable else { continue };
            let Some(value) = env.variable(variable)? else { continue };
            let setting = Setting { value: value.to_owned(), origin: Origin::Variable(variable) };
            self.by_keyword.entry(keyword.name).or_insert(setting);
        }
        // The old spelling, which libpq still obeys.
        if env.variable("PGREQUIRESSL")?.is_some_and(|value| value.starts_with('1')) {
            let setting = Setting { value: "require".to_owned(), origin: Origin::Variable("PGREQUIRESSL") };
            self.by_keyword.entry("sslmode").or_insert(setting);
        }
        Ok(())
    }

    fn refuse_the_unsupported(&self) -> Result<(), ConninfoError> {
        for keyword in KEYWORDS {
            let (Treatment::Refused { unless, hint }, Some(setting)) =
                (keyword.treatment, self.by_keyword.get(keyword.name))
            else {
                continue;
            };
            if !unless.contains(&setting.value.as_str()) {
                let origin = setting.origin.clone();
                return Err(ConninfoError::Unsupported { keyword: keyword.name, origin, hint });
            }
        }
        Ok(())
    }

    /// What the connection string itself says, but for secrets.
    pub fn typed(&self) -> Vec<(String, String)> {
        let typed = self
            .by_keyword
            .iter()
            .filter(|(keyword, setting)| setting.origin == Origin::ConnectionString && !keyword::is_secret(keyword));
        typed.map(|(keyword, setting)| ((*keyword).to_owned(), setting.value.clone())).collect()
    }

    /// A value that is there and not empty: for names and paths libpq takes the empty string as "not given".
    pub fn text(&self, keyword: &'static str) -> Option<&str> {
        self.by_keyword.get(keyword).map(|setting| setting.value.as_str()).filter(|value| !value.is_empty())
    }

    pub fn origin(&self, keyword: &'static str) -> Origin {
        self.by_keyword.get(keyword).map_or(Origin::ConnectionString, |setting| setting.origin.clone())
    }

    /// One of a closed set of words.
    pub fn choice<T: Copy>(
        &self,
        keyword: &'static str,
        words: &[(&str, T)],
        expected: &'static str,
    ) -> Result<Option<T>, ConninfoError> {
        let Some(setting) = self.by_keyword.get(keyword) else { return Ok(None) };
        match words.iter().find(|(word, _)| *word == setting.value) {
            Some((_, choice)) => Ok(Some(*choice)),
            None => Err(self.invalid(keyword, expected)),
        }
    }

    pub fn integer(&self, keyword: &'static str) -> Result<Option<i64>, ConninfoError> {
        match self.text(keyword) {
            None => Ok(None),
            Some(text) => match text.trim().parse::<i32>() {
                Ok(number) => Ok(Some(i64::from(number))),
                Err(_) => Err(self.invalid(keyword, "an integer")),
            },
        }
    }

    pub fn invalid(&self, keyword: &'static str, expected: &'static str) -> ConninfoError {
        let value = self.by_keyword.get(keyword).map_or(String::new(), |setting| setting.value.clone());
        ConninfoError::InvalidValue { keyword, origin: self.origin(keyword), value, expected }
    }
}

/// A value may be a password; memory that held one is cleared.
impl Drop for Settings {
    fn drop(&mut self) {
        for setting in self.by_keyword.values_mut() {
            zeroize::Zeroize::zeroize(&mut setting.value);
        }
    }
}
