"""Phrases: what a bounce says in words, where no SMTP reply is quoted or the reply says nothing: from words to a status (RFC 3463).

A table of (status, patterns), the first that is found counts. Response rules know English replies; here are other languages and the words of bounces that
never were replies. Permanent only where the words are. Pure, linear.
"""

import re

_PHRASES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("5.7.1", (
        r"spam firewall|rejected as spam|als spam (abgelehnt|eingestuft)|considéré comme spam|垃圾邮件|迷惑メール|스팸",
        r"спам|contenido de spam|come spam",
    )),
    ("5.7.1", (r"contains a virus|virus gefunden|contient un virus|包含病毒|ウイルス|вирус",)),
    ("5.2.2", (
        r"mailbox (is )?full|inbox (is )?full|over ?quota|quota exceeded",
        r"exceed(s|ed|ing) .{0,30}(quota|allowed size|storage|limit for the mailbox)|out of storage|mailbox exceeds",
    )),
    ("5.2.2", (
        r"postfach .{0,40}(voll|überfüllt)|speicherplatz .{0,30}(erschöpft|überschritten)|boîte .{0,40}pleine",
        r"quota .{0,20}dépassé",
    )),
    ("5.2.2", (
        r"buzón .{0,40}lleno|casella .{0,40}piena|caixa .{0,40}(cheia|lotada)|mailbox .{0,20}vol\b",
        r"skrzynka .{0,40}(pełna|przepełniona)|schránka .{0,40}plná",
    )),
    ("5.2.2", (
        r"邮箱.{0,12}(已满|空间不足|容量)|空间不足|メールボックス.{0,12}(いっぱい|満杯|容量)|容量.{0,8}超え|용량.{0,8}초과",
        r"편지함.{0,12}가득|ящик .{0,30}(переполнен|заполнен)",
    )),
    ("5.2.2", (
        r"gelen kutusu dolu|brevlådan är full|postkassen er fuld|postilaatikko on täynnä|postafiók megtelt",
        r"γραμματοκιβώτιο .{0,20}γεμάτο|תיבת הדואר מלאה|صندوق البريد ممتلئ|hộp thư .{0,20}đầy",
    )),
    ("5.2.1", (
        r"(account|mailbox|user\(s\) account|user).{0,30}(disabled|suspended|inactive)",
        r"(account|mailbox|user\(s\) account|user).{0,30}(deactivated|closed|terminated|no longer (active|in use|valid))",
        r"no longer works (for|here|at)",
    )),
    ("5.2.1", (
        r"postfach .{0,30}(gesperrt|deaktiviert)|konto .{0,30}(gesperrt|deaktiviert)",
        r"compte .{0,30}(désactivé|suspendu|clôturé)|cuenta .{0,30}(deshabilitada|suspendida)",
    )),
    ("5.2.1", (
        r"account .{0,20}disattivat|conta .{0,30}(desativada|bloqueada)|konto .{0,30}(zablokowane|nieaktywne)",
        r"(帐号|账号|邮箱|用户).{0,8}(停用|禁用|冻结|锁定|被封)|利用停止|無効|휴면|사용 ?중지",
        r"(отключен|заблокирован|неактивен)",
    )),
    ("5.1.2", (
        r"(domain|host).{0,60}(couldn.t be found|could not be found|not found|does ?n.t exist|doesn't exist|unknown)",
        r"no such (domain|host)|unrouteable (mail )?domain|all relevant mx records",
        r"domain .{0,60}(existiert nicht|nicht gefunden)|domaine .{0,40}(inconnu|introuvable|n'existe pas)",
        r"dominio .{0,40}(no existe|inexistente|sconosciuto)|domínio .{0,30}inexistente",
        r"(域名|domain).{0,12}(不存在|无法解析|無効)|ドメイン.{0,20}(見つかりません|存在しません)",
        r"домен .{0,20}не (найден|существует)",
    )),
    ("5.1.1", (
        r"no mailbox here by that name",
        r"(user|recipient|mailbox|address|account|member)[^.\n]{0,60}(unknown|not known|not listed|not found)",
        r"(user|recipient|mailbox|address|account|member)[^.\n]{0,60}(could ?n.t be found|could not be found)",
        r"(user|recipient|mailbox|address|account|member)[^.\n]{0,60}(wasn.t found|was not found)",
        r"(user|recipient|mailbox|address|account|member)[^.\n]{0,60}(is ?n.t valid|is not valid)",
        r"(user|recipient|mailbox|address|account|member)[^.\n]{0,60}(does ?n.t exist|does not exist)",
        r"(user|recipient|mailbox|address|account|member)[^.\n]{0,60}(not exist|not recognized)",
        r"(user|recipient|mailbox|address|account|member)[^.\n]{0,60}(not a known|is not an? (active|valid))",
        r"unknown (user|recipient|address|local)|no such (user|person|recipient|mailbox|address)",
        r"(address|email).{0,30}(problem|misspelled)|not listed in .{0,20}directory|invalid (recipient|mailbox|user)",
        r"e-?mail account does not exist|couldn.t find .{0,80}(recipient|mailbox|user)|wasn.t found at|unrouteable address",
        r"bad destination (mailbox )?address",
    )),
    ("5.1.1", (
        r"empfänger .{0,60}(unbekannt|nicht gefunden|existiert nicht)",
        r"(e-?mail-?adresse|adresse|postfach|benutzer).{0,80}(unbekannt|nicht gefunden)",
        r"(e-?mail-?adresse|adresse|postfach|benutzer).{0,80}(existiert nicht|nicht vorhanden|ungültig)",
        r"(utilisateur|destinataire|adresse|boîte).{0,60}(inconnue?|introuvable|n.existe pas|n.a pas été trouvé)",
        r"adresse .{0,30}invalide",
    )),
    ("5.1.1", (
        r"(usuario|destinatario|dirección|buzón|utente).{0,60}(desconocid|no existe)",
        r"(usuario|destinatario|dirección|buzón|utente).{0,60}(no se (ha )?encontr|inexistente|sconosciut)",
        r"(indirizzo|casella|usuário|destinatário|endereço|caixa).{0,60}(desconocid|no existe)",
        r"(indirizzo|casella|usuário|destinatário|endereço|caixa).{0,60}(no se (ha )?encontr|inexistente|sconosciut)",
        r"(usuario|destinatario|dirección|buzón|utente).{0,60}(non esiste|non (è stato )?trovat)",
        r"(usuario|destinatario|dirección|buzón|utente).{0,60}(não existe|não (foi )?encontrad|desconhecid)",
        r"(indirizzo|casella|usuário|destinatário|endereço|caixa).{0,60}(non esiste|non (è stato )?trovat)",
        r"(indirizzo|casella|usuário|destinatário|endereço|caixa).{0,60}(não existe|não (foi )?encontrad|desconhecid)",
        r"(gebruiker|geadresseerde|adres|mailbox).{0,40}(onbekend|niet gevonden|bestaat niet)",
    )),
    ("5.1.1", (
        r"(收件人|用户|帐号|账号|地址|邮箱|收件地址).{0,16}(不存在|无效|未找到|找不到|错误)|不存在的?(用户|收件人|邮箱)",
        r"(宛先|あて先|ユーザー?|アドレス|受信者|メールボックス).{0,30}(見つかりません|存在しません|不明)",
        r"(宛先|あて先|ユーザー?|アドレス|受信者|メールボックス).{0,30}(ありません|見つかりませんでした|存在しない)",
        r"(존재하지 않는|없는).{0,8}(사용자|수신자|메일|계정|주소)|(사용자|수신자|주소|계정).{0,16}(없습니다|존재하지)",
    )),
    ("5.1.1", (
        r"(пользовател|ящик|адресат|получател|адрес).{0,40}(не найден|не существует|неизвестен|не обнаружен)",
        r"(такого|нет такого) (пользователя|ящика|адреса)",
        r"(użytkownik|adres|odbiorca|skrzynka|konto).{0,40}(nie istnieje|nieznany|nie znaleziono)",
        r"(uživatel|adresa|schránka|příjemce).{0,40}(neexistuje|nenalezen|neznám)",
    )),
    ("5.1.1", (
        r"(kullanıcı|alıcı|adres).{0,40}(bulunamadı|mevcut değil|yok)",
        r"(användare|mottagare|adress).{0,40}(okänd|finns inte|hittades inte)",
        r"(bruger|modtager|adresse).{0,40}(ukendt|findes ikke)",
        r"(käyttäjä|vastaanottaja|osoite).{0,40}(tuntematon|ei löydy|ei ole olemassa)",
        r"(felhasználó|címzett).{0,40}(ismeretlen|nem létezik|nem található)",
        r"(χρήστης|παραλήπτης|διεύθυνση).{0,30}(άγνωστος|δεν υπάρχει|δεν βρέθηκε)",
        r"(המשתמש|הנמען|הכתובת).{0,20}(לא קיים|לא נמצא)|(المستخدم|المستلم|العنوان).{0,20}(غير موجود|غير معروف)",
        r"(người dùng|người nhận|địa chỉ).{0,30}không (tồn tại|tìm thấy)",
    )),
    ("5.3.4", (
        r"(message|mail) .{0,30}(too (large|big)|exceeds .{0,20}size)|nachricht .{0,20}zu groß",
        r"message .{0,20}trop volumineux|demasiado grande|troppo grande|muito grande|邮件.{0,6}(过大|太大)",
        r"サイズ.{0,10}(超|大き)|слишком большо",
    )),
    ("4.4.7", (
        r"(retry|retries) timeout exceeded|retry time(out)? (was )?(exceeded|not reached)",
        r"(has been|was) in the queue too long|giving up after|timed? ?out|too long in queue|undelivered for",
        r"delivery time expired|could not be delivered for|delivery failed \d+ attempts|超时|タイムアウト|시간 ?초과",
        r"zu lange|délai dépassé|время ожидания",
    )),
    ("5.4.6", (r"too many hops|mail loop|loops back|routing loop|schleife",)),
    ("5.7.1", (
        r"not (authorized|permitted|allowed)|only accepts? (mail|messages) from|restricted|prohibited|administrative",
        r"policy|nicht berechtigt|n'est pas autorisé|不允许|拒收|権限|запрещен",
    )),
    ("4.4.1", (
        r"connection refused|no route to host|could not connect|network is unreachable|connection timed out",
        r"host .{0,30}not respond",
    )),
)  # fmt: skip
_COMPILED = tuple((re.compile("|".join(patterns), re.I), status) for status, patterns in _PHRASES)


def status_of_words(text: str) -> str:
    """The status that these words come to; empty when they say nothing that is known."""
    text = " ".join(text[:3_000].split()).replace("’", "'")
    return next((status for pattern, status in _COMPILED if pattern.search(text)), "")
