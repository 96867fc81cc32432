"""As whom PostgreSQL runs."""

from __future__ import annotations

import os

import pytest

from easyflow.local.errors import CannotStart
from easyflow.local.identity import NAMESPACE, NOBODY, Surroundings, choose_identity


@pytest.mark.parametrize("namespaces", [True, False])
def test_an_ordinary_user_runs_it_as_themselves(namespaces: bool) -> None:
    chosen = choose_identity(Surroundings(root=False, named=True, namespaces=namespaces))
    assert (chosen.prefix, chosen.user_id, chosen.owner_id) == ((), None, os.geteuid())


def test_root_runs_it_in_a_user_namespace_and_keeps_the_files() -> None:
    chosen = choose_identity(Surroundings(root=True, named=True, namespaces=True))
    assert (chosen.prefix, chosen.user_id, chosen.owner_id) == (NAMESPACE, None, os.geteuid())


def test_root_drops_to_nobody_where_namespaces_are_not_allowed() -> None:
    chosen = choose_identity(Surroundings(root=True, named=True, namespaces=False))
    assert (chosen.prefix, chosen.user_id, chosen.owner_id) == ((), NOBODY, NOBODY)
    assert chosen.popen_options == {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def test_a_user_without_a_name_gets_one_in_a_namespace() -> None:
    assert choose_identity(Surroundings(root=False, named=False, namespaces=True)).prefix == NAMESPACE


def test_a_user_without_a_name_or_namespace_is_refused_in_one_sentence() -> None:
    with pytest.raises(CannotStart, match="no entry in /etc/passwd"):
        choose_identity(Surroundings(root=False, named=False, namespaces=False))
