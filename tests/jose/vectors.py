"""Keys and tokens of the standards and of the digests."""

HB_2026_03 = {
    "kty": "EC",
    "crv": "P-256",
    "kid": "hb-2026-03",
    "x": "iAfhT_50t_ELkSu8WHEDML6i63ZvYct3jHhKg-s5-8E",
    "y": "XVS1N49kxyJpCUECSdAD4ROPeVMjsBV9VO-8bdtuDjs",
    "d": "TpJtfwueQwv1R8SyRDpEfBEy9F1PsN2JrC71NiCNqiM",
}
FLEET_2026_1 = {
    "kty": "EC",
    "crv": "P-256",
    "kid": "fleet-2026-1",
    "x": "_HAeEoLLTTTo70qsG7ltDzMiOIbfcTYxaJUTzSmjg1M",
    "y": "GoufZVOpkqTa3ty9G3JeKSPy1kuB6ZCLUFavmwvKyRA",
    "d": "PGPLb2PnyIB10pE9O-8yFqN2OEoIcNRZwF8XBFUVsr0",
}
DPOP = {
    "kty": "EC",
    "crv": "P-256",
    "x": "jZK0DCLtRibiata3miaspCZltCon227jA0Brrzo7MwE",
    "y": "OFrxsb-pHKdEkBzhSbsOsJvqWsCVB9uMlWkJ3bePjO4",
    "d": "HjTVir2Gh4yDuHdX_CkrzC_PaZpGA95-9O0w9hZ2hWc",
}
THUMBPRINTS = [
    (HB_2026_03, "dzQRIGwsG74B8nHedWE5YCkUm-1gWooCiWB9ajKdYh8"),
    (FLEET_2026_1, "cWeCaXr0_yfQtwqcRSroMbmQeV1XOGshJnkB3x_zwgY"),
    (DPOP, "vXHsRapYEnm9n101XLLrYad1pkrVvwzSy9H4p2cco3k"),
]
# RFC 8037 appendix A.
ED25519 = {
    "kty": "OKP",
    "crv": "Ed25519",
    "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}
ED25519_THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
ED25519_INPUT = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
ED25519_SIGNATURE = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
# RFC 7515 appendix A.3.
RFC7515_EC = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
RFC7515_ES256 = (
    "eyJhbGciOiJFUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)
ACCESS_TOKEN = (
    "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiIsImtpZCI6ImhiLTIwMjYtMDMifQ.eyJpc3MiOiJodHRwczovL2xvZ2luLmhhcmJvdXIuZXhh"
    "bXBsZSIsInN1YiI6InUtNTFLZCIsImF1ZCI6Imh0dHBzOi8vdGlkZXMuaGFyYm91ci5leGFtcGxlL2FwaSIsImNsaWVudF9pZCI6ImZsZWV0LXdl"
    "Yi03Iiwic2NvcGUiOiJ0aWRlcy5yZWFkIiwiaWF0IjoxNzczNjQwODMwLCJleHAiOjE3NzM2NDExMzAsImp0aSI6ImF0LThRdzIiLCJhdXRoX3Rp"
    "bWUiOjE3NzM2NDA3OTAsImFjciI6InVybjpoYXJib3VyOmFjcjptZmEiLCJjbmYiOnsiamt0IjoidlhIc1JhcFlFbm05bjEwMVhMTHJZYWQxcGty"
    "VnZ3elN5OUg0cDJjY28zayJ9fQ.UhDnNnWY4vWgN_Bl0DTDSj_0MpZlIz69vWlZasFhDUmhCZkT5xOaMJymCBfn8qe6AqhxfWFat7VmMFtcwzeFlg"
)
CLIENT_ASSERTION = (
    "eyJ0eXAiOiJjbGllbnQtYXV0aGVudGljYXRpb24rand0IiwiYWxnIjoiRVMyNTYiLCJraWQiOiJmbGVldC0yMDI2LTEifQ.eyJpc3MiOiJmbGVl"
    "dC13ZWItNyIsInN1YiI6ImZsZWV0LXdlYi03IiwiYXVkIjoiaHR0cHM6Ly9sb2dpbi5oYXJib3VyLmV4YW1wbGUiLCJqdGkiOiJaazNwMHNRbTdl"
    "IiwiaWF0IjoxNzczNjQwODAwLCJleHAiOjE3NzM2NDA4NjB9.nkq84-WIRvUQOsaAj0dwjYluOEjizrfGfC3OYpJAeh9HwPGT4TLmPbd8RQKNnaA"
    "0emvC6WHx-9CJIz9kTjWUow"
)


def public(jwk: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in jwk.items() if name != "d"}
