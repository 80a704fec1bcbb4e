//! Django with gunicorn.

use rig::Browser;

use crate::app::{Place, installed};
use crate::page::section;
use crate::site::{ORIGIN, Site};
use crate::story::{Seen, Story};

/// A whole project in one file.
const PROJECT: &str = r#"
import os
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

SECRET_KEY = "of this test only"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "project"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.path.join(os.environ["HOME"], "db")}}
AUTHENTICATION_BACKENDS = ["envoy_auth.HeaderBackend"]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "envoy_auth.HeaderMiddleware",
]

def home(request):
    groups = [group.name for group in request.user.groups.order_by("name")]
    return JsonResponse({
        "name": request.user.get_username(), "email": getattr(request.user, "email", ""), "groups": groups,
        "is_superuser": request.user.is_superuser,
    })

urlpatterns = [path("", home)]
os.environ["DJANGO_SETTINGS_MODULE"] = "project"
if os.environ.get("SERVE"):
    application = get_wsgi_application()
"#;

pub fn run() {
    let section = section("Django");
    let place = Place::new().env("DJANGO_SETTINGS_MODULE", "project");
    place.write("project.py", PROJECT);
    place.write("envoy_auth.py", section.app);
    place.prepare(&installed("web/bin/django-admin"), &["migrate"]);
    let (folder, bind) = (place.folder(), format!("127.0.0.1:{}", place.port));
    let arguments = ["project:application", "--chdir", &folder, "--bind", &bind];
    let app = place.env("SERVE", "1").start(&installed("web/bin/gunicorn"), &arguments);
    let site = Site::new(app, &section.filter);
    let forged = vec![
        ("X-Auth-User", "jsmith"),
        ("X-Auth-Roles", "authp/admin"),
        ("X-Auth-Email", "jsmith@example.com"),
    ];
    Story { start: "/", forged, look }.run(&site);
    let mut browser = site.browser();
    site.sign_in(&mut browser, "jsmith", "/");
    let person = browser.fetch(&format!("{ORIGIN}/")).json();
    assert_eq!(person["groups"], serde_json::json!(["authp/admin", "authp/user"]));
    assert_eq!(person["email"], "jsmith@example.com");
}

fn look(browser: &mut Browser) -> Seen {
    let person = browser.fetch(&format!("{ORIGIN}/")).json();
    (person["name"].as_str().unwrap_or_default().to_owned(), person["is_superuser"] == true)
}
