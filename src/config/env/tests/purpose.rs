//! What an environment does to the settings, and requires of them.

use super::*;
use crate::config::Purpose;

#[test]
fn an_environment_takes_the_place_of_what_stands_in_the_file_and_mock_of_both() {
    let mut project = Project::new(Some("# @config\nMOCK=\n# @config\nLEVEL=INFO\n"), Some("LEVEL=ERROR\n"));
    let set = |key: &str, value: &str| [(key.to_owned(), value.to_owned())].into();
    let purpose = Purpose { name: "dev".to_owned(), set: set("LEVEL", "DEBUG"), ..Purpose::default() };
    project.application.environment = Some(purpose.clone());
    assert_eq!(value(&project.load(), "LEVEL"), "DEBUG");
    project.application.mock = set("LEVEL", "TRACE");
    project.application = project.application.clone().mocked().unwrap();
    assert_eq!(value(&project.load(), "LEVEL"), "TRACE");
    let set = set("NO", "x");
    project.application.environment = Some(Purpose { set, ..purpose });
    let error = Environment::load(&project.application).unwrap_err();
    assert!(error.to_string().contains("[[environments]] sets NO, which is not in .env.example"), "{error}");
}

#[test]
fn an_environment_starts_only_with_settings_that_suit_it() {
    let example = "# @secret\nKEY_A=\n# @secret\nKEY_B=\n# @config\nMOCK=false\n";
    for (env, problems) in
        [("", 1), ("KEY_B=x\n", 0), ("KEY_A=x\nMOCK=true\n", 1), ("MOCK=true\n", 2), ("KEY_A=\n", 1)]
    {
        let mut project = Project::new(Some(example), Some(env));
        assert!(project.load().suits(&project.application).is_ok(), "{env}");
        let requires_any = vec!["KEY_A".to_owned(), "KEY_B".to_owned()];
        let refuses = [("MOCK".to_owned(), "true".to_owned())].into();
        let purpose = Purpose { name: "live".to_owned(), requires_any, refuses, ..Purpose::default() };
        project.application.environment = Some(purpose);
        let result = project.load().suits(&project.application);
        assert_eq!(result.map_or_else(|error| error.causes().len(), |()| 0), problems, "{env}");
    }
}
