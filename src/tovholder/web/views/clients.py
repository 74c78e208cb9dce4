"""The operator's page of apps and systems: registered, changed, ended; a secret is shown once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from tovholder.access import audit_acts
from tovholder.access.domain import Context, Role
from tovholder.access.smart import clients
from tovholder.access.smart.clients import SYSTEM_ROLES
from tovholder.access.smart.domain import APP_ROLES, Client, Method, Use
from tovholder.base.errors import Category, Problem
from tovholder.web.view_models import FormError
from tovholder.web.views.common import for_roles, form_errors

USES = (
    (str(Use.APP), gettext_lazy("App, som en person åbner")),
    (str(Use.SYSTEM), gettext_lazy("System, der henter data selv")),
)
METHODS = (
    (str(Method.PRIVATE_KEY), gettext_lazy("Egen nøgle (anbefales)")),
    (str(Method.PUBLIC), gettext_lazy("Ingen: app i browser eller telefon, med PKCE")),
    (str(Method.SECRET_BASIC), gettext_lazy("Delt hemmelighed i hovedet (frarådes)")),
    (str(Method.SECRET_POST), gettext_lazy("Delt hemmelighed i indholdet (frarådes)")),
)
ROLES = {
    Role.CITIZEN: gettext_lazy("Patienter"),
    Role.REPRESENTATIVE: gettext_lazy("Pårørende og værger"),
    Role.GP: gettext_lazy("Praktiserende læger"),
    Role.STAFF: gettext_lazy("Klinikpersonale"),
    Role.HOSPITAL: gettext_lazy("Hospital"),
    Role.PREVENTION: gettext_lazy("Forebyggelse"),
    Role.PARTNER: gettext_lazy("Private behandlere"),
    Role.SYSTEM: gettext_lazy("System uden person"),
}
_LONG = forms.TextInput(attrs={"class": "th-long"})
_ROWS = {"rows": 3, "spellcheck": "false"}


class ClientForm(forms.Form):
    """What is registered of a client. What must hold together is checked by access/smart/clients.py."""

    name = forms.CharField(
        label=gettext_lazy("Navn, som folk ser det"),
        max_length=100,
        error_messages={"required": gettext_lazy("Skriv et navn på højst 100 tegn.")},
    )
    about = forms.CharField(
        label=gettext_lazy("Hvad den gør, i én sætning"), max_length=300, required=False, widget=_LONG
    )
    use = forms.ChoiceField(
        label=gettext_lazy("Hvad er det?"), choices=USES, widget=forms.RadioSelect, initial=str(Use.APP)
    )
    method = forms.ChoiceField(
        label=gettext_lazy("Hvordan beviser den, hvem den er?"),
        choices=METHODS,
        widget=forms.RadioSelect,
        initial=str(Method.PRIVATE_KEY),
    )
    roles = forms.MultipleChoiceField(
        label=gettext_lazy("For hvem er appen, eller hvad handler systemet som?"),
        choices=[(str(role), ROLES[role]) for role in (*APP_ROLES, Role.SYSTEM)],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Vælg, hvem appen er for. Et system handler som én ting.")},
    )
    organization = forms.CharField(
        label=gettext_lazy("Organisationens id"),
        max_length=64,
        required=False,
        help_text=gettext_lazy("Tom, når appen er for alle. Et system, der handler som en behandler, skal have en."),
    )
    scopes = forms.CharField(
        label=gettext_lazy("Det meste, den må få (scopes)"),
        widget=forms.Textarea(attrs=_ROWS),
        help_text=gettext_lazy("For eksempel: launch openid fhirUser patient/Observation.rs"),
        error_messages={"required": gettext_lazy("Skriv mindst ét scope.")},
    )
    redirects = forms.CharField(
        label=gettext_lazy("Adresser, appen vender tilbage til, én på hver linje"),
        widget=forms.Textarea(attrs=_ROWS),
        required=False,
    )
    launch = forms.CharField(
        label=gettext_lazy("Adresse, appen åbnes på"), max_length=500, required=False, widget=_LONG
    )
    origins = forms.CharField(
        label=gettext_lazy("Hvorfra dens sider kalder API’et, én på hver linje"),
        widget=forms.Textarea(attrs=_ROWS),
        required=False,
    )
    jwks_uri = forms.CharField(
        label=gettext_lazy("Adresse på dens offentlige nøgler"), max_length=500, required=False, widget=_LONG
    )
    jwks = forms.CharField(
        label=gettext_lazy("Eller nøglerne selv (JWKS)"), widget=forms.Textarea(attrs=_ROWS), required=False
    )
    preapproved = forms.BooleanField(
        label=gettext_lazy("Organisationens egne ansatte skal ikke spørges først"), required=False
    )
    sees_blocked = forms.BooleanField(
        label=gettext_lazy("Systemet ser også det, patienter har spærret, og overholder selv spærringerne"),
        required=False,
    )

    def wish(self, held: Client | None = None) -> Client:
        """The client as filled in. held: the one that is changed, whose id, use and proof stay."""
        told = self.cleaned_data
        wish = Client(
            id=held.id if held else "",
            name=told["name"].strip(),
            use=held.use if held else Use(told["use"]),
            method=held.method if held else Method(told["method"]),
            roles=tuple(Role(text) for text in told["roles"]),
            organization=told["organization"].strip(),
            redirects=tuple(told["redirects"].split()),
            launch=told["launch"].strip(),
            origins=tuple(told["origins"].split()),
            scopes=told["scopes"],
            jwks=told["jwks"].strip(),
            jwks_uri=told["jwks_uri"].strip(),
            preapproved=told["preapproved"],
            sees_blocked=told["sees_blocked"],
            about=told["about"].strip(),
        )
        return replace(wish, algorithm=held.algorithm) if held else wish


def _initial(client: Client) -> dict[str, Any]:
    return {
        "name": client.name,
        "about": client.about,
        "use": str(client.use),
        "method": str(client.method),
        "roles": [str(role) for role in client.roles],
        "organization": client.organization,
        "scopes": client.scopes,
        "redirects": "\n".join(client.redirects),
        "launch": client.launch,
        "origins": "\n".join(client.origins),
        "jwks": client.jwks,
        "jwks_uri": client.jwks_uri,
        "preapproved": client.preapproved,
        "sees_blocked": client.sees_blocked,
    }


@require_http_methods(["GET", "HEAD"])
@for_roles(Role.OPERATOR)
def everyone(request: HttpRequest, ctx: Context) -> HttpResponse:
    """All of them."""
    found = clients.everyone()
    return render(
        request, "web/drift/clients.html", {"clients": [(one, dict(METHODS)[str(one.method)]) for one in found]}
    )


@require_http_methods(["GET", "POST"])
@for_roles(Role.OPERATOR)
def add(request: HttpRequest, ctx: Context) -> HttpResponse:
    """Register one."""
    form = ClientForm(request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        return _sheet(request, None, form)
    try:
        made = clients.add(form.wish(), ctx.now)
    except Problem as problem:
        return _sheet(request, None, form, _errors(form, problem))
    audit_acts.rights_changed(ctx, f"client/{made.client.id} added")
    if made.secret:
        return _secret(request, made.client, made.secret)
    messages.success(request, _("%(name)s er registreret.") % {"name": made.client.name})
    return HttpResponseRedirect(reverse("web:client", args=[made.client.id]))


@require_http_methods(["GET", "POST"])
@for_roles(Role.OPERATOR)
def one(request: HttpRequest, ctx: Context, client_id: str) -> HttpResponse:
    """One of them: changed, given another secret, or ended."""
    client = clients.get(client_id)
    do = request.POST.get("do", "") if request.method == "POST" else ""
    if do == "slut":
        clients.end(client.id, ctx.now)
        audit_acts.rights_changed(ctx, f"client/{client.id} ended")
        messages.success(request, _("%(name)s er afmeldt. Den har ingen adgang mere.") % {"name": client.name})
        return HttpResponseRedirect(reverse("web:clients"))
    if do == "hemmelighed":
        secret = clients.new_secret(client.id)
        audit_acts.rights_changed(ctx, f"client/{client.id} secret")
        return _secret(request, client, secret)
    if request.method != "POST":
        return _sheet(request, client, ClientForm(initial=_initial(client)))
    form = ClientForm({**request.POST.dict(), "use": str(client.use), "method": str(client.method)} | _lists(request))
    if not form.is_valid():
        return _sheet(request, client, form)
    try:
        clients.change(form.wish(client))
    except Problem as problem:
        if problem.category is not Category.INVALID:
            raise
        return _sheet(request, client, form, _errors(form, problem))
    audit_acts.rights_changed(ctx, f"client/{client.id} changed")
    messages.success(request, _("Ændringen er gemt."))
    return HttpResponseRedirect(reverse("web:client", args=[client.id]))


def _lists(request: HttpRequest) -> dict[str, Any]:
    return {"roles": request.POST.getlist("roles")}


def _secret(request: HttpRequest, client: Client, secret: str) -> HttpResponse:
    return render(request, "web/drift/secret.html", {"client": client, "secret": secret})


def _sheet(
    request: HttpRequest, client: Client | None, form: ClientForm, errors: tuple[FormError, ...] = ()
) -> HttpResponse:
    told = errors or (form_errors(form) if form.is_bound else ())
    system_roles = [str(role) for role in SYSTEM_ROLES]
    return render(
        request,
        "web/drift/client.html",
        {"client": client, "form": form, "errors": told, "system_roles": system_roles},
        status=400 if told else 200,
    )


# What can be wrong with a field beside its shape, in words.
_WRONG = {
    "name": gettext_lazy("Skriv et navn på højst 100 tegn."),
    "roles": gettext_lazy("Vælg, hvem appen er for. Et system handler som én ting."),
    "organization": gettext_lazy("Skriv id’et på den organisation, systemet handler for."),
    "scopes": gettext_lazy("Noget af det er ikke et scope, der kan gives her."),
    "redirects": gettext_lazy("Skriv hele adressen med https, uden # og *. Et system har ingen."),
    "launch": gettext_lazy("Skriv hele adressen med https."),
    "origins": gettext_lazy("Skriv kun https og navn, for eksempel https://app.example.dk."),
    "jwks": gettext_lazy("Giv nøglerne ét sted: enten deres adresse eller nøglerne selv, kun de offentlige."),
    "jwks_uri": gettext_lazy("Skriv hele adressen med https."),
    "method": gettext_lazy("Et system skal have sin egen nøgle."),
    "preapproved": gettext_lazy("Skriv, hvilken organisation det gælder for."),
}


def _errors(form: ClientForm, problem: Problem) -> tuple[FormError, ...]:
    if problem.category is not Category.INVALID:
        raise problem
    for issue in problem.issues:
        field = issue.path if issue.path in form.fields else None
        text = _WRONG.get(issue.path)
        if field is not None and text is not None and text not in form.errors.get(field, []):
            form.add_error(field, text)
        elif field is None:
            form.add_error(None, f"{issue.path}: {issue.message}")
    return form_errors(form)
