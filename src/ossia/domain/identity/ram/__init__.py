"""The rules of RAM: users, access keys, groups, roles, policies and OIDC providers.

Each function takes the `Draft` of a change, or the `View` of what is stored; who may call it is
decided before, how it is called is a matter of `api.ram`.
"""
