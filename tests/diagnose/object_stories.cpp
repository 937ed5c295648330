// SPDX-License-Identifier: Apache-2.0
// P21 to P29: objects.
#include "story.hpp"
#include "synthetic.hpp"

namespace p11tape::test {
namespace {

using contract::softhsm;

// A pair "server", id 45, on the token.
void make_server(const softhsm& token) {
  story(token.surroundings(), [] {
    app a;
    a.begin(true, true);
    EXPECT_EQ(a.login(), CKR_OK);
    a.make_pair("server", "45");
    a.end();
  });
}

void begin(tape_story& s) { s.initialize().slot_list({5}).token_info(5, {}).open(5, 1).login(1); }

TEST_CASE("P21 is silent where the client's memory held the handle before the search gave it") {
  const auto searched = [](const body& outputs) {
    tape_story s;
    begin(s);
    s.search_init(1, CKO_PUBLIC_KEY, "", "01");
    s.call("C_FindObjects", body().words({1, tape::pointer_given, 1, tape::pointer_given}), CKR_OK, outputs)
        .call("C_FindObjectsFinal", {1});
    return s.finalize().diagnose();
  };
  const auto unchanged = body().item(1, 0, "", tape::item_unchanged).str();
  CHECK_FALSE(searched(body().text(unchanged).number_item(3, 1)).has("P21"));
  CHECK_FALSE(searched(body().text(unchanged).item(3, 0, "", tape::item_unchanged)).has("P21"));
  CHECK(searched(body().text(unchanged).number_item(3, 0)).has("P21"));
}

TEST_CASE("P21: no object has the name that was searched for") {
  const softhsm token;
  if (!token.ready()) SKIP("SoftHSM is not installed");
  const auto t = story(token.surroundings(), [] {
    app a;
    a.begin(true, true);
    EXPECT_EQ(a.login(), CKR_OK);
    EXPECT_EQ(a.make_certificate("my_cert", "45"), CKR_OK);
    for (const auto o : a.find(CKO_CERTIFICATE)) a.read(o, {CKA_LABEL, CKA_ID});
    EXPECT(a.find(CKO_CERTIFICATE, "My_Cert").empty());
    a.end();
  });
  INFO(t.text());
  CHECK(t.first() == "P21");
  CHECK(t.text().find("my_cert") != std::string::npos);
  SECTION("silent where it is found, or made after the search") {
    const auto right = story(token.surroundings(), [] {
      app a;
      a.begin(true, true);
      EXPECT_EQ(a.login(), CKR_OK);
      EXPECT(a.find(CKO_CERTIFICATE, "new").empty());
      EXPECT_EQ(a.make_certificate("new", "46"), CKR_OK);
      EXPECT(!a.find(CKO_CERTIFICATE, "new").empty());
      a.end();
    });
    INFO(right.text());
    CHECK_FALSE(right.has("P21"));
  }
}

TEST_CASE("P22: certificate and key have different IDs") {
  const softhsm token;
  if (!token.ready()) SKIP("SoftHSM is not installed");
  const auto host = [](std::string id) {
    return [id] {
      app a;
      a.begin(true, true);
      EXPECT_EQ(a.login(), CKR_OK);
      a.make_pair("server", "45");
      EXPECT_EQ(a.make_certificate("server", id), CKR_OK);
      for (const auto o : a.find(CKO_PRIVATE_KEY)) a.read(o, {CKA_LABEL, CKA_ID});
      for (const auto o : a.find(CKO_CERTIFICATE)) a.read(o, {CKA_LABEL, CKA_ID});
      a.find(CKO_PRIVATE_KEY, "", id);
      a.end();
    };
  };
  const auto t = story(token.surroundings(), host("01"));
  INFO(t.text());
  CHECK(t.first() == "P22");
  CHECK(t.text().find("--id 3435") != std::string::npos);
  const softhsm other;
  CHECK_FALSE(story(other.surroundings(), host("45")).has_errors());
}

TEST_CASE("P23: several objects of the name") {
  tape_story s;
  begin(s);
  s.find(1, CKO_PRIVATE_KEY, "twice", "", {7, 8}).sign_init(1, CKM_RSA_PKCS, 7).sign(1);
  CHECK(s.diagnose().has("P23"));
  tape_story right;
  begin(right);
  right.find(1, unavailable, "", "45", {7, 8, 9}).find(1, CKO_PRIVATE_KEY, "once", "", {7});
  CHECK_FALSE(right.diagnose().has("P23"));
}

TEST_CASE("P24: an empty ID") {
  tape_story s;
  begin(s);
  s.find(1, unavailable, "", "", {7, 8})
      .describe(1, 7, CKO_PRIVATE_KEY, "server", "")
      .describe(1, 8, CKO_CERTIFICATE, "server", "");
  const auto t = s.diagnose();
  INFO(t.text());
  CHECK(t.has("P24"));
  tape_story right;
  begin(right);
  right.find(1, unavailable, "", "", {7, 8})
      .describe(1, 7, CKO_PRIVATE_KEY, "server", "45")
      .describe(1, 8, CKO_CERTIFICATE, "server", "45");
  CHECK_FALSE(right.diagnose().has("P24"));
}

TEST_CASE("P25: no public key beside the private one") {
  tape_story s;
  begin(s);
  s.find(1, CKO_PRIVATE_KEY, "", "45", {7}).find(1, CKO_PUBLIC_KEY, "", "45", {}).finalize();
  CHECK(s.diagnose().has("P25"));
  tape_story right;
  begin(right);
  right.find(1, CKO_PRIVATE_KEY, "", "45", {7})
      .find(1, CKO_PUBLIC_KEY, "", "45", {})
      .sign_init(1, CKM_RSA_PKCS, 7)
      .sign(1)
      .finalize();
  CHECK_FALSE(right.diagnose().has("P25"));
}

TEST_CASE("P26: private keys, without a login") {
  const softhsm token;
  if (!token.ready()) SKIP("SoftHSM is not installed");
  make_server(token);
  const auto host = [](bool logs_in) {
    return [logs_in] {
      app a;
      a.begin();
      a.find(CKO_PRIVATE_KEY, "server");
      if (logs_in) {
        EXPECT_EQ(a.login(), CKR_OK);
        EXPECT(!a.find(CKO_PRIVATE_KEY, "server").empty());
      }
      a.end();
    };
  };
  const auto t = story(token.surroundings(), host(false));
  INFO(t.text());
  CHECK(t.first() == "P26");
  CHECK_FALSE(t.has("P21"));
  CHECK_FALSE(story(token.surroundings(), host(true)).has_errors());
}

TEST_CASE("P21b: all keys were looked at, none was used") {
  const softhsm token;
  if (!token.ready()) SKIP("SoftHSM is not installed");
  make_server(token);
  const auto host = [](bool uses) {
    return [uses] {
      app a;
      a.begin();
      EXPECT_EQ(a.login(), CKR_OK);
      const auto keys = a.find(CKO_PRIVATE_KEY);
      EXPECT_EQ(keys.size(), std::size_t{1});
      EXPECT_EQ(a.read(keys.at(0), {CKA_LABEL, CKA_ID}), CKR_OK);
      if (uses) EXPECT_EQ(a.sign(keys.at(0)), CKR_OK);
      a.end();
    };
  };
  const auto t = story(token.surroundings(), host(false));
  INFO(t.text());
  CHECK(t.first() == "P21b");
  CHECK(t.text().find("\"server\"") != std::string::npos);
  CHECK_FALSE(t.has_errors());
  CHECK_FALSE(story(token.surroundings(), host(true)).has("P21b"));
  SECTION("or there is nothing to be looked at") {
    const auto nothing = story(token.surroundings(), [] {
      app a;
      a.begin();
      a.find(CKO_CERTIFICATE);
      a.end();
    });
    INFO(nothing.text());
    CHECK(nothing.first() == "P21b");
  }
}

TEST_CASE("P21, P22: silent where a search asked for more than the name, and the key was found in another way") {
  tape_story s;
  begin(s);
  s.find(1, CKO_CERTIFICATE, "", "45", {8})
      .find(1, CKO_PRIVATE_KEY, "", "45", {})
      .find(1, CKO_PRIVATE_KEY, "", "45", {7})
      .sign_init(1, CKM_RSA_PKCS, 7, CKR_KEY_FUNCTION_NOT_PERMITTED)
      .finalize();
  const auto t = s.diagnose();
  INFO(t.text());
  CHECK(t.first() == "P52");
  CHECK_FALSE(t.has("P21"));
  CHECK_FALSE(t.has("P22"));
}

TEST_CASE("P27: a handle after its end") {
  const softhsm token;
  if (!token.ready()) SKIP("SoftHSM is not installed");
  const auto t = story(token.surroundings(), [] {
    app a;
    a.begin(true, true);
    EXPECT_EQ(a.login(), CKR_OK);
    const auto key = a.make_pair("server", "45");
    EXPECT_EQ(a.p->C_DestroyObject(a.session, key), CKR_OK);
    EXPECT(a.sign(key) != CKR_OK);
    a.end();
  });
  INFO(t.text());
  CHECK(t.first() == "P27");
  CHECK(t.text().find("destroyed") != std::string::npos);
}

TEST_CASE("P28: the client gives up after an attribute") {
  tape_story s;
  begin(s);
  s.find(1, CKO_PRIVATE_KEY, "", "45", {7})
      .read(1, 7, CKA_PRIVATE_EXPONENT, CKR_ATTRIBUTE_SENSITIVE)
      .close(1)
      .finalize();
  CHECK(s.diagnose().has("P28"));
  tape_story right;
  begin(right);
  right.find(1, CKO_PRIVATE_KEY, "", "45", {7})
      .read(1, 7, CKA_PRIVATE_EXPONENT, CKR_ATTRIBUTE_SENSITIVE)
      .read(1, 7, CKA_LABEL)
      .finalize();
  CHECK_FALSE(right.diagnose().has("P28"));
}

TEST_CASE("P29: attributes of a new object") {
  const softhsm token;
  if (!token.ready()) SKIP("SoftHSM is not installed");
  const auto t = story(token.surroundings(), [] {
    app a;
    a.begin(true, true);
    EXPECT_EQ(a.login(), CKR_OK);
    CK_OBJECT_CLASS object_class = CKO_SECRET_KEY;
    CK_ATTRIBUTE some[] = {{CKA_CLASS, &object_class, sizeof object_class}};
    CK_OBJECT_HANDLE made = 0;
    EXPECT(a.p->C_CreateObject(a.session, some, 1, &made) != CKR_OK);
    a.end();
  });
  INFO(t.text());
  CHECK(t.first() == "P29");
  CHECK(t.text().find("CKA_KEY_TYPE") != std::string::npos);
  // A setting of MQ is no cure for another program.
  CHECK(t.text().find("SYMMETRIC_CIPHER_OFF") == std::string::npos);
  tape_story mq;
  begin(mq.program("amqrmppa"));
  mq.call("C_CreateObject",
          body()
              .words({1, tape::pointer_given, 1, tape::pointer_given})
              .template_item(1, body().attribute_number(CKA_CLASS, CKO_SECRET_KEY)),
          CKR_TEMPLATE_INCONSISTENT, {});
  CHECK(mq.finalize().diagnose().text().find("SYMMETRIC_CIPHER_OFF") != std::string::npos);
}

}  // namespace
}  // namespace p11tape::test
