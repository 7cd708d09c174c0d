"""Nowhere: what is below /api/v1/ and exists not answers with a problem, like everything else there."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from mailplatform.shell.pages import open_to_all
from mailplatform.shell.rest import of_status, problem_response


@open_to_all("there is nothing to see")
@csrf_exempt
def nowhere(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """404, whatever the method."""
    return problem_response(of_status(404, "There is no such address in this API; /api/v1/docs lists them."))
