"""Keys hashed in one round: for tests whose answers do not depend on how long that takes."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class QuickHasher(PBKDF2PasswordHasher):
    """What Django uses, in one round."""

    iterations = 1
