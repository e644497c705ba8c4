"""The words for keys: what went wrong, in sentences for people.

Every sentence is marked with ``_`` for the extraction of a translation catalogue and translated when it is shown;
the words of the templates stand in the templates, marked the same way. ``%(issuer)s`` is the issuer's name.
"""

from dataclasses import dataclass

from grantd.server.pipeline.pages import ErrorKey, ProblemKey


def _(text: str) -> str:
    """Mark a text for translation."""
    return text


@dataclass(frozen=True, slots=True)
class ErrorWords:
    """An error page.

    Args:
        title: what happened, in a few words.
        text: what happened.
        advice: what the person can do.
    """

    title: str
    text: str
    advice: str


PROBLEMS: dict[ProblemKey, str] = {
    "wrong_credentials": _("User name and password do not match. Check both and try again."),
    "throttled": _("Too many attempts. Wait a few minutes, then try again."),
    "busy": _("Many people are signing in at this moment. Try again in a few seconds."),
    "stale_form": _("This page was out of date. Here it is as it stands now; please answer again."),
    "form_incomplete": _("Something was left empty. Fill in everything, then try again."),
    "nothing_chosen": _("Nothing was ticked. Tick what you want to allow, or choose “Don\u2019t allow”."),
    "another_user": _("Another person is signed in in this browser now. Check the name below before you answer."),
}

OTHER_PROBLEM = _("That did not work. Please try again.")
"""For keys of features that bring no words."""

ERRORS: dict[ErrorKey, ErrorWords] = {
    "client_unknown": ErrorWords(
        _("This application is not known here"),
        _("An application sent you here, but %(issuer)s does not know it."),
        _("Go back to where you came from. If it happens again, tell the people who make the application."),
    ),
    "redirect_uri_mismatch": ErrorWords(
        _("The way back is not safe"),
        _("The application wants you to be sent to an address that is not registered for it, so you stay here."),
        _("Close this page. If you trust the application, tell the people who make it."),
    ),
    "bad_request": ErrorWords(
        _("This request cannot be understood"),
        _("The address that led here is incomplete or damaged."),
        _("Go back to the application and start again from there."),
    ),
    "interaction_expired": ErrorWords(
        _("This page has expired"),
        _("It was open for too long, or it was answered already."),
        _("Go back to the application and start again from there. Nothing was changed."),
    ),
    "other_browser": ErrorWords(
        _("This was started in another browser"),
        _("For your safety, signing in can only go on in the browser where it began."),
        _("Go on in that browser, or start again from the application here. If you were sent this link, close it."),
    ),
    "forged_form": ErrorWords(
        _("This answer was not accepted"),
        _("It did not come from our own page, or this browser does not keep cookies."),
        _("Allow cookies for this site, then start again from the application. Nothing was changed."),
    ),
    "not_found": ErrorWords(
        _("There is nothing here"),
        _("%(issuer)s has no page at this address."),
        _("Check the address, or go back to where you came from."),
    ),
    "misconfigured": ErrorWords(
        _("This is not set up right"),
        _("%(issuer)s or the application is set up in a way that cannot work."),
        _("You cannot repair this yourself. Tell the people who run %(issuer)s, with the reference below."),
    ),
    "unavailable": ErrorWords(
        _("Not available at this moment"),
        _("%(issuer)s cannot answer just now."),
        _("Wait a minute and try again."),
    ),
    "unexpected": ErrorWords(
        _("Something went wrong"),
        _("The mistake is ours, not yours, and it was written down."),
        _("Try again. If it keeps happening, tell the people who run %(issuer)s, with the reference below."),
    ),
}
