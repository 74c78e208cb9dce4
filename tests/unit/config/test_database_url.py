"""TOVHOLDER_DATABASE_URL: what it may say, what it becomes, and that its password is told to nobody."""

from __future__ import annotations

from typing import Any

import pytest

from tovholder.config import env
from tovholder.config.env import SettingsError

URL = "TOVHOLDER_DATABASE_URL"


def read(url: str, **more: str) -> env.Env:
    return env.read({"TOVHOLDER_ENV": "test", "TOVHOLDER_HOME": "here", URL: url, **more})


def entry(url: str, **more: str) -> dict[str, Any]:
    return read(url, **more).database.django()


def test_without_it_the_record_is_a_file_at_home() -> None:
    made = entry("")
    assert made["ENGINE"].endswith("sqlite3")
    assert made["NAME"].endswith("/here/tovholder.sqlite3")
    assert "synchronous=FULL" in made["OPTIONS"]["init_command"]
    assert entry("sqlite:///data/x.sqlite3")["NAME"] == "data/x.sqlite3"
    assert entry("sqlite:////data/x.sqlite3")["NAME"] == "/data/x.sqlite3"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_every_part_of_a_servers_address_is_read(scheme: str) -> None:
    made = entry(f"{scheme}://us%40er:p%2F%3A%23%25w@db.example:5433/the%20name?sslmode=verify-full&connect_timeout=3")
    assert (made["USER"], made["PASSWORD"]) == ("us@er", "p/:#%w")
    assert (made["HOST"], made["PORT"], made["NAME"]) == ("db.example", "5433", "the name")
    assert made["OPTIONS"]["sslmode"] == "verify-full"
    assert made["OPTIONS"]["connect_timeout"] == "3"
    assert made["OPTIONS"]["server_side_binding"] is True


def test_a_socket_folder_and_session_settings_of_ones_own_are_kept() -> None:
    made = entry("postgresql:///name?host=/run/postgresql&options=-c%20work_mem%3D64MB")
    assert (made["HOST"], made["USER"], made["PORT"]) == ("/run/postgresql", "", "")
    assert made["OPTIONS"]["options"].endswith(" -c work_mem=64MB")
    assert "host" not in made["OPTIONS"]


def test_the_pool_follows_the_threads_and_may_be_set() -> None:
    pool = entry("postgresql://u@h/n", TOVHOLDER_THREADS="6")["OPTIONS"]["pool"]
    assert (pool["min_size"], pool["max_size"]) == (1, 8)
    made = entry(
        "postgresql://u@h/n",
        TOVHOLDER_POOL_MIN="2",
        TOVHOLDER_POOL_MAX="3",
        TOVHOLDER_POOL_WAIT="4",
        TOVHOLDER_STATEMENT_TIMEOUT="5",
    )["OPTIONS"]
    assert (made["pool"]["min_size"], made["pool"]["max_size"], made["pool"]["timeout"]) == (2, 3, 4)
    assert "statement_timeout=5000" in made["options"]
    with pytest.raises(SettingsError, match="TOVHOLDER_POOL_MAX"):
        entry("postgresql://u@h/n", TOVHOLDER_POOL_MIN="9", TOVHOLDER_POOL_MAX="3")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mysql://u:s3cret@h/n", "sqlite:/// or postgresql://"),
        ("postgresql:s3cret", "sqlite:/// or postgresql://"),
        ("postgresql://u:s3cret@h", "names no database"),
        ("postgresql://u:s3cret@h/", "names no database"),
        ("postgresql://u:s3cret@h/a/b", "names no database"),
        ("postgresql://u:s3cret@h:port/n", "percent-encode"),
        ("postgresql://u:s3#cret@h/n", "percent-encode"),
        ("postgresql://u@h/n?password=s3cret", "stand before the"),
        ("postgresql://u:s3cret@[h/n", "percent-encode"),
        ("postgresql://u:s3cret@h/n?sslmode", "percent-encode"),
    ],
)
def test_a_wrong_address_says_what_would_be_right_and_never_the_password(url: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told) as caught:
        read(url)
    assert "s3cret" not in str(caught.value)
    assert "cret" not in str(caught.value)


def test_the_password_stands_in_no_representation() -> None:
    assert "s3cret" not in repr(read("postgresql://u:s3cret@h/n?sslpassword=s3cret"))


def test_a_missing_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tovholder.config.database.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install 'tovholder\[postgres\]'"):
        read("postgresql://u@h/n")
