"""The API's own description: OpenAPI at /api/v1/schema, a page to read and try it at /api/v1/docs. Both are public; they tell no data."""

from typing import Any

from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from mailplatform.shell.pages import open_to_all

schema: Any = open_to_all("it describes the API and tells no data")(SpectacularAPIView.as_view())
page: Any = open_to_all("it describes the API and tells no data")(
    SpectacularSwaggerSplitView.as_view(url_name="delivery:schema", template_name="delivery/api_docs.html")
)
