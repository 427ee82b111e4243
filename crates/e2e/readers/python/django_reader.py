"""What Django makes of a request, behind WSGI."""

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import JsonResponse
from django.urls import re_path

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, MIDDLEWARE=[], USE_TZ=True)


def read(request):
    query = request.GET.getlist("access_token")
    form = request.POST.getlist("access_token")
    return JsonResponse(
        {
            "query": query,
            "form": form,
            "both": [query, form],
            "cookie": request.COOKIES.get("sts_token"),
            "header": request.headers.get("X-Target"),
        }
    )


urlpatterns = [re_path("", read)]
application = WSGIHandler()
